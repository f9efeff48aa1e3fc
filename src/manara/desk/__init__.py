"""The screen: what operators see, over HTTP and WebSocket."""
