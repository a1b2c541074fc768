"""The sample company: `company` simulates it, `servers` runs its systems, `run` loads and builds, `incident` plays a story.

It uses the landing as a scheduler does: `ingestion.run` and `replay`, what they print, and the warehouse to look into.
"""
