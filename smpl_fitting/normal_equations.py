"""The Gauss-Newton equations of a clip: each frame's unknowns meet those of the next two frames and the shape.

Taken two frames at a time the matrix is block-tridiagonal, so that a clip costs as much as its length (a block
Cholesky factorization), with the shape as a border eliminated last (Schur complement).
"""

from __future__ import annotations

import torch
from torch import Tensor

REACH = 2  # frames: an acceleration spans three


class NormalEquations:
    """``H x = -g`` of T frames with D unknowns each and B shared ones, filled term by term."""

    def __init__(self, frames: int, unknowns: int, shared: int) -> None:
        self.blocks = [torch.zeros(max(frames - k, 0), unknowns, unknowns) for k in range(REACH + 1)]
        self.border = torch.zeros(frames, unknowns, shared)
        self.corner = torch.zeros(shared, shared)
        self.gradient = torch.zeros(frames, unknowns)
        self.shared_gradient = torch.zeros(shared)

    def add(
        self, residuals: Tensor, by_frame: Tensor, by_shape: Tensor | None = None, rows: Tensor | None = None
    ) -> None:
        """A term of single frames: residuals (F, N), their Jacobians (F, N, D) and (F, N, B).

        rows: (F,) which frames, all by default. Residuals carry their weights' roots.
        """
        turned = by_frame.transpose(1, 2)
        place = slice(None) if rows is None else rows
        self.blocks[0][place] += turned @ by_frame
        self.gradient[place] += (turned @ residuals[..., None])[..., 0]
        if by_shape is not None and by_shape.shape[-1]:
            self.border[place] += turned @ by_shape
            self.add_shared(residuals.reshape(-1), by_shape.flatten(0, 1))

    def add_difference(
        self, residuals: Tensor, by_frame: Tensor, weights: Tensor, stencil: tuple[float, ...]
    ):
        """A term of neighbouring frames: residual of row t is ``weights[t] * sum_k stencil[k] x[t + k]``.

        residuals: (S, N) with the weights in them; by_frame: (T, N, D) the Jacobian of x itself; weights (S, N)
        with S = T + 1 - len(stencil). The shape's part is neglected: it moves all frames nearly alike.
        """
        count, frames = len(residuals), len(by_frame)
        if count <= 0:  # a clip shorter than the stencil
            return
        for apart in range(len(stencil)):  # two frames meet in several differences: their weights first
            together = by_frame.new_zeros(frames - apart, residuals.shape[1])
            for k in range(len(stencil) - apart):
                together[k : k + count] += stencil[k] * stencil[k + apart] * weights.square()
            later = by_frame[apart:] * together[..., None]
            self.blocks[apart] += later.transpose(1, 2) @ by_frame[: frames - apart]
        pull = by_frame.new_zeros(frames, residuals.shape[1])
        for k, factor in enumerate(stencil):
            pull[k : k + count] += factor * weights * residuals
        self.gradient += (by_frame.transpose(1, 2) @ pull[..., None])[..., 0]

    def add_shared(self, residuals: Tensor, by_shape: Tensor) -> None:
        """A term of the shape: residuals (N,), Jacobian (N, B)."""
        self.corner += by_shape.T @ by_shape
        self.shared_gradient += by_shape.T @ residuals

    def solve(self, damping: float) -> tuple[Tensor, Tensor]:
        """The step (T, D) and (B,), the diagonal raised by ``damping`` times itself (Marquardt 1963)."""
        frames, unknowns = self.gradient.shape
        diagonal = self.blocks[0].diagonal(dim1=1, dim2=2)
        raised = self.blocks[0] + torch.diag_embed(damping * diagonal + 1e-6)
        right = torch.cat((self.gradient[..., None], self.border), -1)
        if any(bool(block.any()) for block in self.blocks[1:]):
            solution = _solve_banded([raised, *self.blocks[1:]], right)
        else:
            solution = torch.cholesky_solve(right, torch.linalg.cholesky(raised))
        to_gradient, to_border = solution[..., 0], solution[..., 1:]
        shared = torch.zeros(len(self.shared_gradient))
        if len(shared):
            corner = self.corner + torch.diag(damping * self.corner.diagonal() + 1e-6)
            corner = corner - torch.einsum("tdb,tdc->bc", self.border, to_border)
            rest = self.shared_gradient - torch.einsum("tdb,td->b", self.border, to_gradient)
            shared = -torch.linalg.solve(corner.double(), rest.double()).float()
        return -to_gradient - to_border @ shared, shared


def _solve_banded(blocks: list[Tensor], right: Tensor) -> Tensor:
    """x (T, D, R) of A x = right, from A's lower block diagonals (T - k, D, D), k = 0, 1, 2."""
    frames, unknowns, columns = right.shape
    diagonal, below = _pairs(blocks)
    right = torch.cat((right, right.new_zeros(frames % 2, unknowns, columns))).view(
        len(diagonal), -1, columns
    )
    factors: list[tuple[Tensor, Tensor]] = []
    solved: list[Tensor] = []
    for row in range(len(diagonal)):
        here, value = diagonal[row], right[row]
        if row:
            # L_row,row-1 = A_row,row-1 L_row-1^-T
            coupling = torch.linalg.solve_triangular(factors[-1][0], below[row - 1].T, upper=False).T
            here = here - coupling @ coupling.T
            value = value - coupling @ solved[-1]
        else:
            coupling = below.new_zeros(0)
        factor = torch.linalg.cholesky(here)
        factors.append((factor, coupling))
        solved.append(torch.linalg.solve_triangular(factor, value, upper=False))
    for row in reversed(range(len(diagonal))):
        value = solved[row]
        if row + 1 < len(diagonal):
            value = value - factors[row + 1][1].T @ solved[row + 1]
        solved[row] = torch.linalg.solve_triangular(factors[row][0].T, value, upper=True)
    return torch.stack(solved).view(-1, unknowns, columns)[:frames]


def _pairs(blocks: list[Tensor]) -> tuple[Tensor, Tensor]:
    """The same matrix in blocks of two frames: diagonal (P, 2D, 2D) and below it (P - 1, 2D, 2D).

    An odd last frame is paired with one that stands for itself alone (the identity).
    """
    frames, unknowns = blocks[0].shape[:2]
    pairs = (frames + 1) // 2
    own, first, second = (
        torch.cat((block, block.new_zeros(2 * pairs - len(block), unknowns, unknowns))) for block in blocks
    )
    if frames % 2:
        own[-1] = torch.eye(unknowns)
    zero = torch.zeros_like(own[::2])
    diagonal = torch.cat(
        (torch.cat((own[::2], first[::2].transpose(1, 2)), 2), torch.cat((first[::2], own[1::2]), 2)), 1
    )
    below = torch.cat((torch.cat((second[::2], first[1::2]), 2), torch.cat((zero, second[1::2]), 2)), 1)
    return diagonal, below[:-1]
