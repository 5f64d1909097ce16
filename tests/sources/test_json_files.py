"""JSON as APIs return it: where the records are, digits kept, what is refused."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import DataError
from attribution.sources import json_files
from attribution.sources.json_files import document_batches, line_batches

SECRET = "13800138000"


@pytest.fixture
def write(tmp_path):
    def written(content, name="t.json"):
        file = tmp_path / name
        if not isinstance(content, bytes | str):
            content = json.dumps(content, ensure_ascii=False)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return written


def gather(batches):
    batches = list(batches)
    return (
        [row for batch in batches for row in batch.table.to_pylist()],
        [int(row) for batch in batches for row in batch.rows],
        [each for batch in batches for each in batch.broken],
    )


def documents(file, *records):
    return gather(document_batches(file, records))


def lines(file, *records):
    return gather(line_batches(file, records))


def refusal(file, *records):
    with pytest.raises(DataError) as caught:
        documents(file, *records)
    assert SECRET not in str(caught.value)
    return caught.value


# ---------------------------------------------------------------------- records


def test_numbers_keep_their_digits(write):
    text = '[{"id": 7312345678901234567, "n": 1.50, "e": 1e400, "b": true, "x": null, "t": ""}]'
    assert documents(write(text))[0] == [
        {"id": "7312345678901234567", "n": "1.50", "e": "1e400", "b": True, "x": None, "t": None}
    ]


ORDERS = [{"id": "1"}, {"id": "2"}]


@pytest.mark.parametrize(
    ("document", "records", "expected"),
    [
        (ORDERS, [], ORDERS),
        ({"id": "1", "lines": [{"n": "2"}]}, [], [{"id": "1", "lines": [{"n": "2"}]}]),
        ({"code": 0, "msg": "", "data": {"total": 2, "list": ORDERS}}, [], ORDERS),
        ({"result": 1, "data": {"orders": ORDERS, "cursor": ""}}, [], ORDERS),
        (
            {"header": {"h": "1"}, "body": ORDERS},
            [],
            [{"header": {"h": "1"}, "body": ORDERS}],
        ),
        ({"data": {"shop_order_list": ORDERS}}, ["data.shop_order_list[]"], ORDERS),
        ({"shop_order_list": ORDERS}, ["data.shop_order_list[]", "shop_order_list[]"], ORDERS),
        (ORDERS, ["data.list[]"], ORDERS),
        ([{"data": {"list": ORDERS[:1]}}, {"data": {"list": ORDERS[1:]}}], ["data.list"], ORDERS),
        ({"pages": [{"rows": ORDERS[:1]}, {"rows": ORDERS[1:]}]}, ["pages[].rows[]"], ORDERS),
        ({"trade": ORDERS[0]}, ["trade"], ORDERS[:1]),
        ({"code": 10000, "data": {"list": []}}, ["data.list[]"], []),
        ({"code": 0, "data": {"list": []}}, [], []),
        ({"result": 1, "error_msg": "", "data": []}, ["data.list[]", "data"], []),
        ({"code": 0, "data": {"list": None, "total": 0}}, ["data.list[]"], []),
        ({"total_results": 0, "data": {"list": None}}, ["data.list[]", "data"], []),
        ({"data": None, "orders": ORDERS}, ["data.list[]", "orders[]"], ORDERS),
        ({"order": None, "orders": ORDERS}, ["order", "orders[]"], ORDERS),
    ],
)
def test_where_the_records_are(write, document, records, expected):
    found, rows, broken = documents(write(document), *records)
    assert (found, broken) == (expected, [])
    assert rows == list(range(1, len(expected) + 1))


def test_documents_one_after_the_other(write):
    pages = "\n".join(json.dumps({"data": {"list": [order]}}) for order in ORDERS)
    assert documents(write(pages), "data.list[]")[0] == ORDERS


def test_fields_may_differ_between_records_and_batches(write, monkeypatch):
    monkeypatch.setattr(json_files, "_ROWS", 2)
    file = write([{"a": 1}, {"b": {"c": [1]}}, {"b": None, "d": "x"}])
    tables = [batch.table for batch in document_batches(file, ())]
    assert tables[0].to_pylist() == [{"a": "1", "b": None}, {"a": None, "b": {"c": ["1"]}}]
    assert tables[1].schema == pa.schema([("b", pa.string()), ("d", pa.string())])


def test_gb18030(write):
    assert documents(write('[{"名": "抖音"}]'.encode("gb18030")))[0] == [{"名": "抖音"}]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.text(max_size=4)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.sampled_from("ab"), JSON, min_size=1), max_size=6))
def test_every_record_is_a_row_or_broken(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("any")
    (folder / "t.json").write_text(json.dumps(records), encoding="utf-8")
    (folder / "t.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    found = documents(folder / "t.json")
    assert lines(folder / "t.jsonl") == found
    _, rows, broken = found
    assert sorted([*rows, *(each.row for each in broken)]) == list(range(1, len(records) + 1))


# ---------------------------------------------------------------------- lines


def test_lines_are_records_and_blank_ones_do_not_count(write):
    file = write('{"a": 1}\n\n{"header": {"h": 1}, "body": [{"x": 2}]}\n', "t.jsonl")
    found, rows, _ = lines(file)
    assert rows == [1, 2]
    assert found[1] == {"a": None, "header": {"h": "1"}, "body": [{"x": "2"}]}


def test_lines_of_answers_are_taken_apart(write):
    text = "\n".join(json.dumps({"data": {"list": [order, order]}}) for order in ORDERS)
    found, rows, _ = lines(write(text, "t.jsonl"), "data.list[]")
    assert (found, rows) == ([ORDERS[0], ORDERS[0], ORDERS[1], ORDERS[1]], [1, 2, 3, 4])


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f'{{"phone": "{SECRET}', "no JSON from character 11 on"),
        ('{"a": NaN}', "NaN or Infinity"),
        (f'"{SECRET}"', "a value that is no object"),
        ("{}", "an empty object"),
        ("[" * 100_000, "nested hundreds deep"),
        (f'{{"a": ["{SECRET}"]}}', "a list in a, where others have an object"),
    ],
)
def test_a_line_that_cannot_be_read_is_broken(write, line, found):
    file = write('{"a": {"b": 1}}\n' + line + '\n{"a": {"b": 2}}\n', "t.jsonl")
    records, rows, broken = lines(file)
    assert ([each["a"]["b"] for each in records], rows) == (["1", "2"], [1, 3])
    assert [each.row for each in broken] == [2]
    assert found in broken[0].found
    assert SECRET not in str(broken)


def test_an_error_among_answers_is_broken(write):
    text = '{"list": [{"a": 1}]}\n{"code": 50002, "msg": "x"}\n'
    _, rows, broken = lines(write(text, "t.jsonl"), "list[]")
    assert rows == [1]
    assert "code 50002" in broken[0].found


def test_batches_are_bounded_by_their_text(write, monkeypatch):
    monkeypatch.setattr(json_files, "_TEXT", 1 << 12)
    file = write("\n".join(f'{{"a": "{i:0>100}"}}' for i in range(200)), "t.jsonl")
    batches = list(line_batches(file, ()))
    assert max(len(batch.rows) for batch in batches) < 50
    assert [row for batch in batches for row in batch.rows] == list(range(1, 201))


# ---------------------------------------------------------------------- refused documents


def test_text_that_is_no_json_names_the_line(write):
    error = refusal(write(f'[\n{{"a": 1}},\n{{"phone": "{SECRET}'))
    assert "no JSON in line 3" in error.found
    assert ".jsonl" in error.remedy


def test_nan_and_depth(write):
    assert "NaN or Infinity" in refusal(write('[{"a": -Infinity}]')).found
    assert "nested hundreds deep" in refusal(write("[" * 100_000)).found


@pytest.mark.parametrize(
    ("document", "records", "found"),
    [
        ({"code": 50002, "msg": SECRET}, [], "an API's error, code 50002,"),
        ({"code": 50002, "msg": SECRET, "data": None}, ["data.list[]"], "code 50002"),
        ({"result": 28, "error_msg": SECRET}, [], "result 28"),
        ({"errcode": 40001, "errmsg": SECRET}, ["orders[]"], "errcode 40001"),
        ({"error_response": {"code": 15, "msg": SECRET}}, ["trades[]"], "code 15"),
        ({"code": int(SECRET), "msg": "x"}, [], "code of another form"),
    ],
)
def test_an_api_error_is_named_by_its_code_only(write, document, records, found):
    assert found in refusal(write(document), *records).found


def test_records_that_are_not_where_they_should_be(write):
    error = refusal(write({"code": 10000, "msg": "ok", "data": {"orders": []}}), "data.list[]")
    assert error.found == "no list of records, beside code 10000"
    assert "'data.list[]'" in error.expected


@pytest.mark.parametrize(
    ("document", "records", "found"),
    [
        (None, [], "no list of records"),
        (None, ["data.list[]"], "no list of records"),
        ({}, [], "no list of records"),
        ({"result": 0, "error_msg": SECRET, "data": None}, [], "result 0"),
        ({"result": 0, "error_msg": SECRET, "data": None}, ["data.list[]", "data"], "result 0"),
        ({"code": 10000, "msg": "ok", "data": None}, ["data.list[]"], "code 10000"),
        ({"code": 0, "data": {}}, [], "code 0"),
        ({"code": 0, "data": {"has_more": "false"}}, [], "code 0"),
        ({"data": {"list": None}}, ["data.list[]"], "no list of records"),
        ({"data": {"list": None, "total": 3}}, ["data.list[]", "data"], "no list of records"),
        ({"msg": SECRET}, [], "no list of records"),
        ({"msg": SECRET}, ["data.list[]"], "no list of records"),
        ({"sub_msg": SECRET}, [], "no list of records"),
        ({"sub_code": "isv.limit", "sub_msg": SECRET}, ["trades[]"], "sub_code isv.limit"),
        ({"error": SECRET}, [], "no list of records"),
        ({"error_response": {"sub_msg": SECRET, "request_id": "x"}}, [], "no list of records"),
        ({"code": 50002, "msg": SECRET, "data": {"list": []}}, ["data.list[]"], "code 50002"),
        ({"code": 50002, "msg": SECRET, "data": {"list": []}}, [], "code 50002"),
        ({"success": False, "msg": SECRET, "list": []}, ["list[]"], "success false"),
        ([{"msg": SECRET}, {"code": 7, "msg": SECRET}], [], "no list of records"),
        ([{"code": 7, "msg": SECRET}], ["data.list[]"], "code 7"),
        ({"pages": [{"rows": ORDERS}, {"code": 7, "msg": "x"}]}, ["pages[].rows[]"], "code 7"),
    ],
)
def test_an_answer_without_records_is_no_success(write, document, records, found):
    assert found in refusal(write(document), *records).found


def test_pages_without_records_among_others_are_broken(write):
    pages = [{"list": ORDERS}, None, {"code": 50002, "msg": SECRET}, {"list": ORDERS}]
    found, rows, broken = documents(write(pages), "list[]")
    assert (found, rows) == ([*ORDERS, *ORDERS], [1, 2, 5, 6])
    assert [each.row for each in broken] == [3, 4]
    assert "code 50002" in broken[1].found
    assert SECRET not in str(broken)


def test_null_among_records_is_broken(write):
    found, rows, broken = documents(write([ORDERS[0], None, ORDERS[1]]), "data.list[]")
    assert (found, rows, [each.row for each in broken]) == (ORDERS, [1, 3], [2])


@pytest.mark.parametrize("line", ["null", '{"result": 0, "error_msg": "x", "data": null}'])
def test_a_line_without_records_is_broken(write, line):
    text = '{"data": [{"a": 1}]}\n' + line + "\n"
    found, rows, broken = lines(write(text, "t.jsonl"), "data[]")
    assert (found, rows, [each.row for each in broken]) == ([{"a": "1"}], [1], [2])


@pytest.mark.parametrize("place", [0, 1000])
def test_one_odd_record_does_not_cost_the_others(write, place):
    text = [json.dumps({"event_id": str(i)}) for i in range(1000)]
    text.insert(place, '{"event_id": {"a": 1}}')
    found, _, broken = lines(write("\n".join(text), "t.jsonl"))
    assert found == [{"event_id": str(i)} for i in range(1000)]
    assert [each.row for each in broken] == [place + 1]
    assert broken[0].found == "an object in event_id, where others have a single value"


def test_a_document_too_large_for_memory(write, monkeypatch):
    monkeypatch.setattr(json_files, "_LARGEST", 1 << 10)
    error = refusal(write([{"a": "x" * 2000}]))
    assert "one JSON document of more than" in error.found
    assert ".jsonl" in error.remedy
