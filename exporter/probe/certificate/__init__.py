"""From certificates to facts and a verdict: `facts` reads, `names` compares, `trust` builds, `judge` decides."""
