"""Isoflop's transformer written again in PyTorch, as an independent check and as a peer in speed.

Parameters lie in one flat list in the order of `lab::parameters::Layout`: embedding; for each
block query, key, value, output, up, (gate,) down; head. Matrices are inputs x outputs.
"""
import torch
import torch.nn.functional as F


class Gpt(torch.nn.Module):
    def __init__(self, depth, width, heads, context, vocab, mlp="squared_relu", tied=False):
        super().__init__()
        self.depth, self.width, self.heads = depth, width, heads
        self.mlp, self.tied = mlp, tied
        hidden = 4 * width if mlp == "squared_relu" else -(-(-(-8 * width // 3)) // 8) * 8
        shapes = [("embedding", (vocab, width))]
        for block in range(depth):
            names = [("query", (width, width)), ("key", (width, width)), ("value", (width, width)),
                     ("output", (width, width)), ("up", (width, hidden))]
            if mlp == "swiglu":
                names.append(("gate", (width, hidden)))
            names.append(("down", (hidden, width)))
            shapes += [(f"block{block}_{name}", shape) for name, shape in names]
        if not tied:
            shapes.append(("head", (width, vocab)))
        for name, shape in shapes:
            self.register_parameter(name, torch.nn.Parameter(torch.zeros(shape)))
        half = width // heads // 2
        angles = torch.outer(torch.arange(context, dtype=torch.float64),
                             10_000.0 ** (-torch.arange(half, dtype=torch.float64) / half))
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)

    def rotate(self, x):
        a, b = x.chunk(2, dim=-1)
        return torch.cat((a * self.cos - b * self.sin, a * self.sin + b * self.cos), dim=-1)

    def forward(self, inputs, targets):
        batch, context = inputs.shape
        head_width = self.width // self.heads
        norm = lambda x: F.rms_norm(x, (x.shape[-1],), eps=1e-6)
        weight = lambda block, name: getattr(self, f"block{block}_{name}")
        split = lambda x: x.view(batch, context, self.heads, head_width).transpose(1, 2)
        x = norm(F.embedding(inputs, self.embedding))
        for block in range(self.depth):
            y = norm(x)
            q, k, v = (split(y @ weight(block, name)) for name in ("query", "key", "value"))
            q, k = norm(self.rotate(q)), norm(self.rotate(k))
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=12 / head_width)
            mixed = mixed.transpose(1, 2).reshape(batch, context, self.width)
            x = x + mixed @ weight(block, "output")
            y = norm(x)
            up = y @ weight(block, "up")
            if self.mlp == "squared_relu":
                up = F.relu(up).square()
            else:
                up = F.silu(up) * (y @ weight(block, "gate"))
            x = x + up @ weight(block, "down")
        head = self.embedding.t() if self.tied else self.head
        logits = norm(x) @ head
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.reshape(-1))
