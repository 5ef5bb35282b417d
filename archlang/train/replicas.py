"""A module in several processes, by torch's own parts: whole (DistributedDataParallel) or in shards (FSDP2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, cast

from archlang.diagnostics import Rejected
from archlang.facts.untrained import untrained
from archlang.ir import CallNode, Graph, join_path
from archlang.recipes import Recipe
from archlang.train.synchronizing import synchronize

if TYPE_CHECKING:
    from torch import Tensor, nn

    from archlang.train.session import Session
    from archlang.train.world import World


def replica(session: Session) -> nn.Module:
    """Return the module as DistributedDataParallel, for the parameters that train now."""
    from torch.nn.parallel import DistributedDataParallel

    has_idle = bool(untrained(session.graph)) or not _are_all_compared(session)
    return DistributedDataParallel(session.module, find_unused_parameters=has_idle)


def _are_all_compared(session: Session) -> bool:
    """Return whether the loss reads every output, so that all weights get gradients."""
    compared = {name for term in session.terms for name in term.names}
    return all(port.name in compared for port in session.graph.root.outputs)


def part_of_step(session: Session, module: nn.Module, is_last: bool) -> AbstractContextManager[None]:
    """Return the context in which a part of a batch is trained on: gradients are exchanged after the last part."""
    if session.world.size == 1:
        return nullcontext()
    if session.world.shards:
        cast(Any, module).set_requires_gradient_sync(is_last)
        return nullcontext()
    return nullcontext() if is_last else cast(Any, module).no_sync()


# ---- shards


def check_shards(recipe: Recipe) -> None:
    """Raise `Rejected` for what a recipe asks of whole parameters, which no process has."""
    if recipe.penalties:
        raise Rejected("bad-option", "`regularize` reads whole parameters", help="leave out `--shard`", about="shard")
    if recipe.precision == "fp16":
        help = "write `precision bf16`"
        raise Rejected("bad-option", "the scale of fp16 is not known for shards", help=help, about="shard")


def spread(recipe: Recipe, graph: Graph, modules: Sequence[nn.Module], world: World, device: str) -> None:
    """Divide the parameters of modules of a net, and synchronise its batch norm, if the processes are to do that.

    The first module is the one that trains. Raises `Rejected` for what a recipe asks of whole parameters.
    """
    if world.syncs:
        synchronize(modules[0])
    if not world.shards:
        return
    check_shards(recipe)
    for module in modules:
        shard(module, graph, world, device)


def shard(module: nn.Module, graph: Graph, world: World, device: str) -> None:
    """Divide the parameters of a module among all processes, block by block (torch's `fully_shard`).

    While a block runs, its parameters are gathered. A unit is a block that the net calls several times; all other
    parameters are one unit.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.partition(":")[0], (world.size,))
    for path in units(graph, module):
        fully_shard(module.get_submodule(path), mesh=mesh)
    fully_shard(module, mesh=mesh)


def units(graph: Graph, module: nn.Module) -> list[str]:
    """Return the paths of the modules that are sharded by themselves: the outermost blocks that are called repeatedly.

    A block that shares parameters with the rest of the net is not.
    """
    calls = Counter(node.block for block in graph.blocks for node in block.nodes if isinstance(node, CallNode))
    names = {block.id: block.name for block in graph.blocks}
    times = Counter[str]()
    for block, count in calls.items():
        times[names[block]] += count
    shared = Counter(id(one) for _, one in module.named_parameters(remove_duplicate=False))
    found: list[str] = []
    for path in dict.fromkeys(_outermost(graph, graph.blocks[-1].id, "", times)):
        own = [one for _, one in module.get_submodule(path).named_parameters(remove_duplicate=False)]
        inside = Counter(map(id, own))
        if own and all(shared[number] == count for number, count in inside.items()):
            found.append(path)
    return found


def _outermost(graph: Graph, block: str, path: str, times: Mapping[str, int]) -> Iterator[str]:
    blocks = {one.id: one for one in graph.blocks}
    for node in blocks[block].nodes:
        if isinstance(node, CallNode) and node.path:
            at = join_path(path, node.path)
            if times[blocks[node.block].name] > 1:
                yield at
            else:
                yield from _outermost(graph, node.block, at, times)


def local(tensor: Tensor) -> Tensor:
    """Return the shard of this process; a tensor without shards as it is."""
    from torch.distributed.tensor import DTensor

    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def gathered(state: Any) -> Any:
    """Return nested state with each sharded tensor as a whole one on the CPU; other values are as they were."""
    from torch.distributed.tensor import DTensor

    if isinstance(state, DTensor):
        return state.full_tensor().cpu()
    if isinstance(state, Mapping):
        named: dict[Any, Any] = dict(state)  # pyright: ignore[reportUnknownArgumentType]
        return {name: gathered(one) for name, one in named.items()}
    if isinstance(state, (list, tuple)):
        items: list[Any] = list(state)  # pyright: ignore[reportUnknownArgumentType]
        return [gathered(one) for one in items]
    return state


def divided(whole: Tensor, like: Tensor) -> Tensor:
    """Return a whole tensor in the shards of another of its shape; unchanged where that one has none."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(like, DTensor) or whole.shape != like.shape:
        return whole
    made: Tensor = distribute_tensor(whole.to(like.device), like.device_mesh, like.placements)
    return made
