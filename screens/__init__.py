"""The terminal application: what an on-call engineer looks at. Start it with `screens.app.run`."""
