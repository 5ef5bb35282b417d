"""The statement `freeze`: parameters that are not trained."""

from __future__ import annotations

from archlang import ir
from archlang import syntax as s
from archlang.diagnostics import Label, Rejected
from archlang.elaborate.evaluating.flowing import path_of
from archlang.elaborate.state.builder import Builder
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.session import Here, Session
from archlang.elaborate.vocabulary.spelled import is_outermost
from archlang.elaborate.vocabulary.suggest import did_you_mean
from archlang.source import Span


def run_freeze(item: s.Freeze, here: Here) -> None:
    """Record the paths to freeze. Whether they exist is checked when the block is complete."""
    if not is_outermost(item, here.builder.definition.body):
        message = "`freeze` cannot be inside braces, except those of `if`; use a path to name what is inside them"
        raise Mistake(Rejected("misplaced-freeze", message), item.span)
    for node in item.paths:
        path = path_of(node, here)
        if not path:
            raise Mistake(Rejected("not-a-step", "`freeze` is followed by the paths of steps or braces"), node.span)
        full = ir.join_path(here.scope.path, path)
        if full in here.builder.contents.freezes:
            first = Label(here.builder.contents.freezes[full], "the first time")
            raise Mistake(Rejected("duplicate-label", f"`{path}` is frozen twice"), node.span, (first,))
        here.builder.freeze(full, node.span)


def wrong_freezes(builder: Builder, session: Session) -> list[Mistake]:
    """Return a mistake for each path that does not exist, and for each that would freeze more than it names."""
    contents = builder.contents
    blocks = {block.id: block for block in session.blocks}
    names = list(dict.fromkeys((*contents.scopes, *(node.path for node in contents.nodes if node.name))))
    wrong: list[Mistake] = []
    for path, span in contents.freezes.items():
        if not _is_there(path, contents.nodes, blocks):
            message, help = f"no step and no braces are called `{path}`", did_you_mean(path, names)
            if path in names:
                message, help = f"`{path}` holds no module, so there is nothing to freeze", None
            wrong.append(Mistake(Rejected("unknown-name", message, help=help), span))
    for node in contents.nodes:
        for other in node.ties.values() if isinstance(node, ir.OpNode) else ():
            frozen = next((path for path in contents.freezes if ir.is_at(node.path, path)), None)
            if frozen is not None and not any(ir.is_at(other, path) for path in contents.freezes):
                is_stored = any(one.path == other for one in contents.nodes)  # a `param` that the block itself declares
                owner = other if is_stored else other.rpartition(".")[0]
                wrong.append(_tied(frozen, other, owner, node.span, contents.freezes[frozen]))
    return wrong


def _tied(frozen: str, other: str, owner: str, tied: Span, span: Span) -> Mistake:
    message = f"freezing `{frozen}` would also freeze `{other}`, to which one of its weights is tied"
    help = f"freeze `{owner}` as well"
    return Mistake(Rejected("tied-weight", message, help=help), span, (Label(tied, "tied here"),))


def _is_there(path: str, nodes: list[ir.OpNode | ir.CallNode], blocks: dict[str, ir.Block]) -> bool:
    """Return whether there is a module at a path, also inside the blocks that are called."""
    for node in nodes:
        if node.name is None:
            continue
        if ir.is_at(node.path, path):
            return True
        if isinstance(node, ir.CallNode) and path.startswith(f"{node.path}."):
            return _is_there(path[len(node.path) + 1 :], list(blocks[node.block].nodes), blocks)
    return False
