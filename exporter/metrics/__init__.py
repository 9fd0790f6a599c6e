"""What is exposed: the catalogue of metrics, the latest state of every target, and the document of a scrape."""
