"""The 200 configurations on which `benchmarks.memory` holds the simulation against torch's allocator.

100 nets, each in two settings: of every shipped family, all of tests/nets, and nets that tests.generator draws (others
after a change of it: measure them `--again`). The settings go round: seven optimisers, inference, pure bfloat16,
autocast. Every third net is held out: the list was written before any of its steps was run, and no law is
fitted to a held-out net, though the peaks of beit, llama and vit_b_32 were looked at later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archlang.compiler import Net, load, loads
from archlang.facts.memory.setup import Setup, setup_of

TESTS = "tests/nets/"  # the folder of the files `*.arch` below
SHIPPED = (
    ("alexnet", 4), ("autoencoder:vae", 64), ("captioning", 1), ("convnext_tiny", 2), ("dqn", 32), ("mnasnet1_0", 8),
    ("densenet121", 2), ("efficientnet_b0", 4), ("efficientnet_v2_s", 2), ("espcn", 4), ("fractalnet", 8),
    ("googlenet", 8), ("googlenet_table", 8), ("inception_v3", 2), ("inception_v4", 1), ("dense_block", 16),
    ("lenet_table", 128), ("lenet5", 256), ("lenet5_1998", 64), ("maxvit_t", 1), ("mobilenet_v1", 8),
    ("mobilenet_v2", 8), ("mobilenet_v3_small", 16), ("nin", 32), ("densenet40", 16), ("shapes_fcn", 16),
    ("byte_gpt", 16), ("digits_vit", 64), ("regnet_y_400mf", 8), ("resnet18", 8), ("resnet50", 2), ("resnet20", 64),
    ("resnet18_paper", 4), ("shufflenet_v1_g8", 8), ("shufflenet_v2_x1_0", 8), ("squeezenet1_1", 8),
    ("style_transfer", 2), ("swin_t", 1), ("vit_b_32", 2), ("wrn_28_10_dropout", 1),
)  # fmt: skip
IN_TESTS = (
    ("attention_unet:attention_unet", 1, ""), ("beit:beit", 2, "depth=4 width=384 heads=6"),
    ("cait:cait", 2, "depth=4"), ("captioning", 16, ""),
    ("cspnet:cspresnet", 1, ""), ("dcgan:dcgan", 16, ""), ("dla:dla", 2, ""), ("efficientdet:small", 4, ""),
    ("fpn", 8, ""), ("fractalnet", 16, ""), ("ghostnet:ghostnet", 4, ""),
    ("gpt2:gpt2", 2, "depth=2 width=256 heads=4 vocabulary=8000 context=256"), ("hrnet:hrnet", 1, ""),
    ("llama", 2, "T=256 width=128 heads=8 kv_heads=2 hidden=344 vocabulary=8000"), ("mixer:mixer", 4, "depth=4"),
    ("mobilevit:mobilevit", 2, ""), ("nasnet:small", 16, ""), ("poolformer:poolformer", 2, ""),
    ("pvt_v2:pvt_v2", 4, ""),
    ("repvgg:repvgg", 4, ""), ("res2net:res2net", 1, ""), ("segnet", 64, ""), ("siamese", 64, ""),
    ("sknet:small", 8, ""),
    ("squeeze_excite", 64, ""), ("two_inputs", 64, ""), ("unet:small", 32, ""), ("unrolled", 512, ""), ("vae", 64, ""),
    ("vit:vit", 2, "depth=4 width=384 heads=6"), ("vqvae", 64, ""), ("wavenet", 16, ""), ("yolo_v3:small", 16, ""),
)  # fmt: skip
GENERATED, SEED = 27, 17
SETTINGS: tuple[dict[str, str], ...] = (
    {"optimizer": "momentum"}, {"mode": "inference"}, {"optimizer": "adam"}, {"autocast": "bfloat16"},
    {"optimizer": "sgd"}, {"mode": "inference", "dtype": "bfloat16"}, {"optimizer": "adamw"},
    {"optimizer": "nesterov"}, {"mode": "inference", "autocast": "bfloat16"}, {"optimizer": "rmsprop"},
    {"dtype": "bfloat16"}, {"optimizer": "adagrad"},
)  # fmt: skip
SECOND = 5  # the second setting of a net is so many after its first


@dataclass(frozen=True, slots=True)
class Case:
    """A configuration: the net, its parameters, how many images, the setting, and whether it was held out."""

    net: str
    given: str
    batch: int
    setting: tuple[tuple[str, str], ...]
    held_out: bool

    @property
    def name(self) -> str:
        """The net and its parameters."""
        return f"{self.net} {self.given}".strip()

    @property
    def words(self) -> str:
        """The setting in words: `training, adam` or `inference, autocast`."""
        setup = self.setup()
        kinds = ("autocast" if setup.autocast else "", "pure bfloat16" if setup.dtype else "")
        return ", ".join(filter(None, (setup.mode, setup.optimizer if setup.training else "", *kinds)))

    def setup(self) -> Setup:
        """Return what `memory` is asked."""
        given = dict(self.setting)
        return setup_of(given.pop("mode", "training"), {**given, "batch": self.batch})

    def loaded(self) -> Net:
        """Return the net."""
        if self.net.startswith("generated "):
            from tests.generator.programs import program

            return loads(program(SEED, int(self.net.removeprefix("generated "))).text(), "tried")
        pairs = (pair.split("=") for pair in self.given.split())
        return load(self.net, **{name: int(value) for name, value in pairs})


def _nets() -> Iterator[tuple[str, int, str]]:
    """Yield the name of each net, how many images run through it, and its parameters."""
    yield from ((name, batch, "") for name, batch in SHIPPED)
    for name, batch, given in IN_TESTS:
        file, colon, net = name.partition(":")
        yield f"{TESTS}{file}.arch{colon}{net}", batch, given
    yield from ((f"generated {number}", 64, "") for number in range(GENERATED))


def cases() -> list[Case]:
    """Return all configurations, in order."""
    return [
        Case(net, given, batch, tuple(SETTINGS[(at + further) % len(SETTINGS)].items()), at % 3 == 2)
        for at, (net, batch, given) in enumerate(_nets())
        for further in (0, SECOND)
    ]
