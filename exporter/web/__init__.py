"""The HTTP side: metrics, pages, health, reload, `/probe`. But for that one it reads what others computed."""
