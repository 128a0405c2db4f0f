"""Whether a server answers, found out quickly: a missing network is said at once, not after a minute of retries."""

from __future__ import annotations

import urllib.error
import urllib.request

TIMEOUT = 4.0  # seconds; chosen here: slow lines answer within one


def is_reachable(url: str, timeout: float = TIMEOUT) -> bool:
    """Whether the server of an http(s) address answers at all, by way of the proxy if one is set."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=timeout):
            return True
    except urllib.error.HTTPError as error:  # it answered; what it thinks of this address is another matter
        error.close()
        return True
    except (OSError, ValueError):  # URLError and timeouts are OSErrors
        return False
