"""mailprobe: a Prometheus exporter for mail infrastructure. Each folder is one stage of the data; `cli` joins them."""
