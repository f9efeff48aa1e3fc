"""The screen: what operators see, over HTTP and WebSocket.

::

    Source.views() ─▶ hub ─▶ wire (20 bytes a track, 21 where it shares) + labels ─▶ /ws ─▶ web/ (Svelte, MapLibre)
                  └─▶ picture, health, partners ─▶ /api/*  (JSON, for people and programs)

The host implements ``source.Source``; ``app.build`` makes the application of it, ``serve.serve`` runs it.
Each step's views are encoded once, whatever the number of browsers. ``guard`` keeps other sites' pages out.
"""
