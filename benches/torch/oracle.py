"""Losses of an independent implementation, for the test `crates/lab/tests/oracle.rs`.

    python3 benches/torch/oracle.py > crates/lab/tests/oracle.json     (needs torch)

Parameters and tokens follow from integer formulas that the test repeats.
"""
import json
import torch
from model import Gpt

CASES = [
    dict(depth=2, width=24, heads=3, context=80, vocab=37, mlp="squared_relu", tied=False),
    dict(depth=2, width=24, heads=3, context=80, vocab=37, mlp="swiglu", tied=False),
    dict(depth=1, width=16, heads=2, context=32, vocab=19, mlp="squared_relu", tied=True),
]
STEPS, SEQUENCES, RATE, DECAY = 12, 6, 0.01, 0.1


def parameter(index):
    return ((index * 2654435761 + 12345) % 4294967296 / 4294967296 - 0.5) * 0.5


def token(index, vocab):
    return (index * index * 7 + index * 3 + index // 5) % vocab


def newton_schulz(x):
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = x.shape[0] > x.shape[1]
    x = x.t() if tall else x
    x = x / (x.norm() + 1e-20)
    for _ in range(5):
        square = x @ x.t()
        x = a * x + (b * square + c * square @ square) @ x
    return x.t() if tall else x


def losses(case, method):
    torch.manual_seed(0)
    model = Gpt(**case).double()
    start = 0
    with torch.no_grad():
        for p in model.parameters():
            values = [parameter(start + i) for i in range(p.numel())]
            p.copy_(torch.tensor(values, dtype=torch.float64).view_as(p))
            start += p.numel()
    tokens = torch.tensor([token(i, case["vocab"]) for i in range(SEQUENCES * case["context"] + 1)])
    inputs = tokens[:-1].view(SEQUENCES, -1)
    targets = tokens[1:].view(SEQUENCES, -1)
    inside = [p for name, p in model.named_parameters() if name.startswith("block")]
    tables = [p for name, p in model.named_parameters() if not name.startswith("block")]
    groups = [dict(params=tables, weight_decay=0.0)]
    if method == "adamw":
        groups.append(dict(params=inside, weight_decay=DECAY))
    adamw = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.95), eps=1e-8)
    means = [torch.zeros_like(p) for p in inside]
    seen = []
    for step in range(1, STEPS + 1):
        loss = model(inputs, targets)
        seen.append(loss.item())
        model.zero_grad()
        loss.backward()
        adamw.step()
        if method == "muon":
            momentum = 0.85 + 0.10 * min(step / 300, 1)
            with torch.no_grad():
                for p, mean in zip(inside, means):
                    mean.lerp_(p.grad, 1 - momentum)
                    direction = newton_schulz(torch.lerp(p.grad, mean, momentum))
                    p.mul_(1 - RATE * DECAY)
                    p.add_(direction, alpha=-RATE * max(1, p.shape[1] / p.shape[0]) ** 0.5)
    return seen


print(json.dumps(
    [dict(case=case, method=method, losses=losses(case, method))
     for case in CASES for method in ("adamw", "muon")], indent=1))
