"""The pictures of docs/vision.md: `python -m website.inside` trains LeNet-5 and looks into it, in about a minute.

`--epochs` is how long it is trained, `--steps` how long the pictures of classes are improved.
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

import archlang
from archlang import vision
from archlang.train.loaded import LoadedRecipe

FOLDER = Path(__file__).parents[1] / "docs" / "vision"
RECIPE = "recipes/lenet:modern"
CLASSES = 10


def trained(recipe: LoadedRecipe) -> nn.Module:
    """Train the net of a recipe, by a loop of our own."""
    module = recipe.module().train()
    optimizer = recipe.optimizer(module)
    scheduler = recipe.scheduler(optimizer)
    loader = recipe.train_dataloader()
    for epoch in range(recipe.steps // recipe.steps_per_epoch):
        loader.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]
        for batch in loader:
            optimizer.zero_grad()
            cast(Any, recipe.loss(module, batch)).backward()
            optimizer.step()
            scheduler.step()
    return module.eval()


def digits(recipe: LoadedRecipe) -> Tensor:
    """Return the first held-out image of each digit, as the net is given it."""
    found: dict[int, Tensor] = {}
    for batch in recipe.held_out_dataloader():
        for image, label in zip(batch["image"], batch["label"], strict=True):
            found.setdefault(int(label), image)
    return torch.stack([found[digit] for digit in range(CLASSES)])


def draw(module: nn.Module, images: Tensor, folder: Path, steps: int) -> None:
    """Write the pictures to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    models = [vision.class_model(module, (1, 32, 32), digit, steps) for digit in range(CLASSES)]
    hidden = [vision.occlusion(module, image, 5, target=digit) for digit, image in enumerate(images)]
    pictures = {
        "digits": vision.grid(images, CLASSES),
        "saliency": vision.grid(vision.saliency(module, images), CLASSES),
        "grad_cam": vision.grid(vision.grad_cam(module, images, "features.4"), CLASSES),
        "occlusion": vision.grid(torch.stack(hidden), CLASSES),
        "class_models": vision.grid(torch.stack(models), CLASSES),
        "filters": vision.filters(module, "features.0"),
        "activations": vision.activations(module, images[3], "features.1"),
    }
    for name, picture in pictures.items():
        vision.save(picture, folder / f"{name}.png", times=12 if name == "filters" else 3)


def main() -> None:
    """Train, look and draw."""
    parser = ArgumentParser(description="Train LeNet-5 and draw the pictures of docs/vision.md.")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    given = parser.parse_args()
    recipe = archlang.load_recipe(RECIPE, epochs=given.epochs)
    draw(trained(recipe), digits(recipe), given.folder, given.steps)


if __name__ == "__main__":
    main()
