"""Recipes in Python: loops of users' own, and those of Lightning, Fabric and accelerate, end with the same weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import archlang
from archlang.train.checkpoints import read
from archlang.train.loaded import LoadedRecipe
from archlang.train.running import Where, run
from tests.train.recipes import NET, lines_of

TEXT = lines_of(
    augment="augment randomcrop 8 padding=1",
    group="group norms biases weight_decay=0",
    schedule="schedule onecycle max_lr=0.1 by=step",
    metric="metric accuracy",
    batch="batch 256",
)


@pytest.fixture(scope="module", name="spec")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("specs") / "digits.arch"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="module", name="expected")
def trained(spec: Path) -> Mapping[str, torch.Tensor]:
    """Return the weights of `archlang train`."""
    recipe = archlang.load_recipe(f"{spec}:run")
    run(recipe.settings, recipe.graph, Where(spec.parent / "run"), {})
    found: Mapping[str, torch.Tensor] = read(spec.parent / "run" / "last.pt")["state_dict"]
    return found


def assert_same(module: nn.Module, expected: Mapping[str, torch.Tensor]) -> None:
    for name, value in module.state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_a_loop_of_ones_own(spec: Path, expected: Mapping[str, torch.Tensor]) -> None:
    recipe = archlang.load_recipe(spec)
    assert repr(recipe) == "<Recipe run: tiny on digits>"
    module = recipe.module()
    loader: Any = recipe.train_dataloader()
    optimizer = recipe.optimizer(module)
    scheduler = recipe.scheduler(optimizer)
    for epoch in range(2):
        loader.batch_sampler.set_epoch(epoch)
        for batch in loader:
            optimizer.zero_grad()
            recipe.loss(module, batch).backward()
            optimizer.step()
            scheduler.step()
    assert_same(module, expected)
    results = recipe.evaluate(module)
    assert set(results) == {"loss", "accuracy"} and not module.training
    assert recipe.steps == 2 * recipe.steps_per_epoch == 2 * len(loader)


@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")  # of torch, which Lightning calls
def test_lightning(spec: Path, expected: Mapping[str, torch.Tensor], tmp_path: Path) -> None:
    from lightning import LightningModule, Trainer

    class Lit(LightningModule):
        def __init__(self, recipe: LoadedRecipe) -> None:
            super().__init__()
            self.recipe, self.net = recipe, recipe.module()

        def training_step(self, batch: Any, index: int) -> Any:
            return self.recipe.loss(self.net, batch)

        def configure_optimizers(self) -> Any:
            optimizer = self.recipe.optimizer(self.net)
            scheduler = {"scheduler": self.recipe.scheduler(optimizer), "interval": "step"}
            return {"optimizer": optimizer, "lr_scheduler": scheduler}

        def train_dataloader(self) -> Any:
            return self.recipe.train_dataloader()

    lit = Lit(archlang.load_recipe(spec))
    quiet: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(max_epochs=2, accelerator="cpu", enable_checkpointing=False, default_root_dir=tmp_path, **quiet)
    trainer.fit(lit)
    assert_same(lit.net, expected)


def test_fabric(spec: Path, expected: Mapping[str, torch.Tensor]) -> None:
    from lightning.fabric import Fabric

    fabric = Fabric(accelerator="cpu", devices=1)
    recipe = archlang.load_recipe(spec)
    module = recipe.module()
    optimizer = recipe.optimizer(module)
    scheduler = recipe.scheduler(optimizer)
    wrapped, wrapped_optimizer = fabric.setup(module, optimizer)
    loader: Any = fabric.setup_dataloaders(recipe.train_dataloader())
    for epoch in range(2):
        loader.batch_sampler.set_epoch(epoch)
        for batch in loader:
            wrapped_optimizer.zero_grad()
            fabric.backward(recipe.loss(wrapped, batch))
            wrapped_optimizer.step()
            scheduler.step()
    assert_same(module, expected)


def test_accelerate(spec: Path, expected: Mapping[str, torch.Tensor]) -> None:
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    recipe = archlang.load_recipe(spec)
    module = recipe.module()
    plain = recipe.optimizer(module)
    wrapped, optimizer, loader, scheduler = accelerator.prepare(
        module, plain, recipe.train_dataloader(), recipe.scheduler(plain)
    )
    for epoch in range(2):
        loader.set_epoch(epoch)
        for batch in loader:
            optimizer.zero_grad()
            accelerator.backward(recipe.loss(wrapped, batch))
            optimizer.step()
            scheduler.step()
    assert_same(module, expected)


def test_settings_are_replaced_and_calls_are_checked(spec: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"batch": 128, "width": 8, "optimizer.momentum": 0.5}
    recipe = archlang.load_recipe(spec, **settings)
    assert (recipe.settings.batch, recipe.settings.optimizer.arguments["momentum"]) == (128, 0.5)
    assert recipe.module().get_parameter("conv1.weight").shape[0] == 8
    (tmp_path / "alone.arch").write_text(NET)
    with pytest.raises(archlang.CallError, match="names no recipe"):
        archlang.load_recipe(tmp_path / "alone.arch")


def test_wrapped_modules_have_the_same_groups_and_penalties(tmp_path: Path) -> None:
    path = tmp_path / "spec.arch"
    path.write_text(lines_of(regularize="regularize l2=0.01 conv1", group="group biases lr=0.01"))
    recipe = archlang.load_recipe(path)
    wrapped = nn.DataParallel(recipe.module())
    groups = recipe.optimizer(wrapped).param_groups
    assert [len(group["params"]) for group in groups] == [3, 3]
    batch = next(iter(recipe.train_dataloader()))
    trained, measured = recipe.loss(wrapped.train(), batch), recipe.loss(wrapped.eval(), batch)
    assert trained > 0 and measured > 0
