"""When a certificate is near its end, by the share of its life that is left.

Fixed numbers of days age badly: public certificates lived for 398 days in 2020, live for 200 since March 2026 and for
47 from 2029 on. ACME clients renew with a third of the life left, whether that life is 90 days or 6, so one that has
come into its last quarter was not renewed. The alert rules warn at the same share.
"""

from typing import Final

ENDING_SHARE: Final = 0.25
