"""Which streamer, live session, short video, ad or group brought each order."""
