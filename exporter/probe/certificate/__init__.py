"""From the certificates a server sent to facts and a verdict: `facts` reads, `names` compares, `trust` builds the
path."""
