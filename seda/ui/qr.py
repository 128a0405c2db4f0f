"""QR codes as pictures of a page: black on white in both themes, because many phones read nothing else."""

from __future__ import annotations

import html

QUIET = 4  # squares of white around it, as the standard asks for
FAR = (
    57  # squares a side; chosen here: more than a phone tells apart from the last row. A link of 150 characters has 49
)


class QrCode:
    """A text as a QR code.

    Args:
        text: a link.
    """

    def __init__(self, text: str) -> None:
        import segno
        from segno.encoder import DataOverflowError

        self._code: segno.QRCode | None
        try:  # without reserve for damage the squares are larger; on a screen nothing is damaged
            self._code = segno.make_qr(text, error="l", boost_error=False)
        except DataOverflowError:
            self._code = None

    @property
    def squares(self) -> int:
        """On a side; 0 where the text is too long for any code."""
        return 0 if self._code is None else int(self._code.symbol_size(border=0)[0])

    def img(self, size: str, alt: str) -> str:
        """An <img> with the code inside it; empty where the text is too long.

        Args:
            size: of its side, as CSS.
            alt: what is said of it.
        """
        if self._code is None:
            return ""
        url = self._code.svg_data_uri(border=QUIET, dark="#000", light="#fff", unit="", omitsize=True)
        style = f"display:block;margin-inline:auto;width:{size};height:auto;background:#fff;border-radius:.5rem;forced-color-adjust:none"
        return f'<img class="seda-qr" src="{html.escape(url)}" alt="{html.escape(alt)}" style="{html.escape(style)}">'
