"""The 40 searches of `benchmarks.fit`: a net, the MiB that it may take, and the setting."""

from __future__ import annotations

from dataclasses import dataclass

from archlang.facts.memory.setup import Setup, setup_of

CASES = (
    ("lenet5", 32, "momentum"), ("lenet5", 16, "inference"), ("lenet5_1998", 16, "adam"), ("resnet20", 160, "momentum"),
    ("resnet20", 64, "inference"), ("mobilenet_v3_small", 384, "sgd"), ("mobilenet_v3_small", 64, "inference"),
    ("squeezenet1_1", 384, "momentum"), ("squeezenet1_1", 128, "inference"), ("resnet18", 448, "adam"),
    ("resnet18", 192, "inference"), ("resnet50", 320, "inference"), ("densenet40", 64, "adamw"),
    ("densenet121", 192, "inference"), ("googlenet", 128, "inference"), ("mobilenet_v1", 512, "nesterov"),
    ("mobilenet_v2", 128, "inference"), ("mnasnet1_0", 128, "inference"), ("shufflenet_v2_x1_0", 384, "rmsprop"),
    ("shufflenet_v1_g8", 96, "inference"), ("efficientnet_b0", 128, "inference"), ("nin", 96, "adagrad"),
    ("regnet_y_400mf", 128, "inference"), ("dqn", 64, "momentum"), ("dqn", 48, "inference"),
    ("byte_gpt", 64, "adamw"), ("byte_gpt", 32, "inference"), ("digits_vit", 8, "adam"), ("shapes_fcn", 8, "momentum"),
    ("espcn", 64, "inference"), ("tests/nets/fpn.arch", 64, "adam"), ("tests/nets/fractalnet.arch", 96, "momentum"),
    ("tests/nets/captioning.arch", 48, "adam"), ("tests/nets/llama.arch", 4, "adamw"),
    ("tests/nets/gpt2.arch:small", 4, "adam"), ("tests/nets/gpt2.arch:small", 1, "inference"),
    ("tests/nets/vqvae.arch", 16, "momentum"), ("tests/nets/wavenet.arch", 48, "adam"),
    ("tests/nets/segnet.arch", 12, "momentum"), ("tests/nets/pvt_v2.arch:small", 8, "inference"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """A net, the MiB that it may take, and its optimiser or `inference`."""

    net: str
    memory: int
    setting: str

    @property
    def bytes(self) -> int:
        """The limit."""
        return self.memory * 2**20

    def setup(self) -> Setup:
        """Return what `fit` is asked."""
        if self.setting == "inference":
            return setup_of("inference", {})
        return setup_of("training", {"optimizer": self.setting})


def cases() -> list[Case]:
    """Return all of them, in order."""
    return [Case(*one) for one in CASES]
