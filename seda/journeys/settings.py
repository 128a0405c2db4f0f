"""How a journey was made, as its file says it: read from strangers' files too, so every value is checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field, field_validator

from seda.config import SamplingConfig
from seda.schema import Count, Line, OpenSchema, Text


class TraceSettings(OpenSchema):
    """What a journey was traced with; settings that are not known here stay as they are.

    Attributes:
        aligner: its name.
        encoder, encoder_fingerprint: of its image features and its class texts.
        template: that the class texts were put into; None where it is not known.
        scale: the length that all scaled features have.
        vocabulary: "open" where the categories are none of the class texts.
        center_indices: the aligner's category centers that are shown, by place.
        hints: for each item the category that it looks like most where none of the class texts fits it, else "".
        fits: for each item how far the list is above the least fit, in nats, where that was kept; hints stand where it is below.
        sampling: how the paths were drawn; None where it is not known.
        versions: of the packages that it was computed with.
    """

    aligner: Line = ""
    encoder: Annotated[str, Field(max_length=1000)] = ""
    encoder_fingerprint: Line = ""
    template: Text | None = None
    scale: Annotated[float, Field(ge=0, le=1e6)] | None = None
    vocabulary: Line = ""
    center_indices: tuple[Count, ...] = ()
    hints: tuple[Line, ...] = ()
    fits: tuple[Annotated[float, Field(ge=-1e6, le=1e6)], ...] = ()
    sampling: SamplingConfig | None = None
    versions: dict[Line, Line] = Field(default_factory=dict)

    @field_validator("sampling")
    @classmethod
    def _say_denoiser(cls, sampling: SamplingConfig | None) -> SamplingConfig | None:
        """Files of before there was a choice do not say that it was the closed form."""
        return sampling and (sampling if sampling.denoiser else replace(sampling, denoiser="closed-form"))

    def to_dict(self) -> dict[str, Any]:
        """As a replay holds it: plain JSON values of what was said."""
        return self.model_dump(mode="json", exclude_unset=True)
