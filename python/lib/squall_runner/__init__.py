"""The programs the server starts: they run actions and sensors. Packs import none of it."""
