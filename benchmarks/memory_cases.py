"""The nets and batch sizes on which `benchmarks.memory` holds the simulation against torch's allocator.

`HELD_OUT` was chosen before any of its steps was run, and nothing was tuned on it; what was found out while the
simulation was written was found out on `TUNED`. Each is trained with SGD with momentum and with Adam, and run for
inference.

`AUTOCAST` and `AUTOCAST_HELD_OUT` are the same for a step and an inference under torch.autocast of bfloat16.
"""

from __future__ import annotations

TUNED = (
    ("lenet5", 256),
    ("resnet20", 64),
    ("nin", 64),
    ("alexnet", 16),
    ("vgg11", 2),
    ("googlenet", 8),
    ("resnet18", 8),
    ("resnet50", 8),
    ("resnet50", 1),
    ("densenet121", 4),
    ("mobilenet_v2", 16),
    ("mobilenet_v3_small", 16),
    ("squeezenet1_1", 16),
    ("shufflenet_v2_x1_0", 16),
    ("efficientnet_b0", 8),
    ("vit_b_32", 4),
    ("swin_t", 2),
)

HELD_OUT = (
    ("resnet34", 4),
    ("wide_resnet50_2", 2),
    ("resnext50_32x4d", 4),
    ("densenet169", 4),
    ("mobilenet_v3_large", 16),
    ("mnasnet1_0", 16),
    ("inception_v3", 4),
    ("convnext_tiny", 2),
    ("regnet_y_400mf", 16),
    ("vgg13_bn", 2),
)

AUTOCAST = (
    ("lenet5", 256),
    ("resnet18", 8),
    ("resnet50", 4),
    ("vgg11", 2),
    ("mobilenet_v2", 8),
    ("densenet121", 4),
    ("googlenet", 4),
    ("squeezenet1_1", 16),
    ("vit_b_32", 4),
)

AUTOCAST_HELD_OUT = (
    ("alexnet", 16),
    ("resnet20", 64),
    ("mobilenet_v3_small", 16),
    ("shufflenet_v2_x1_0", 16),
    ("efficientnet_b0", 4),
    ("inception_v3", 2),
    ("regnet_y_400mf", 8),
)
