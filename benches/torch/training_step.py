"""Times a training step in PyTorch, eager, f32; called by the bench `training_step`.

    python3 benches/torch/training_step.py DEPTH WIDTH HEADS CONTEXT VOCAB SEQUENCES THREADS STEPS

Prints the fastest step in seconds.
"""
import sys
import time
import torch
from model import Gpt

depth, width, heads, context, vocab, sequences, threads, steps = map(int, sys.argv[1:])
torch.set_num_threads(threads)
torch.manual_seed(0)
model = Gpt(depth, width, heads, context, vocab)
for p in model.parameters():
    torch.nn.init.normal_(p, std=0.02)
optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
tokens = torch.randint(0, vocab, (sequences, context + 1))
inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
best = float("inf")
for step in range(steps):
    start = time.perf_counter()
    loss = model(inputs, targets)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    best = min(best, time.perf_counter() - start)
print(best)
