"""What other packages mean by the same words, as models; `models.profile` names them."""
