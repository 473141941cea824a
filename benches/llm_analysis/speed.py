"""Training steps a second of llm-analysis, one process: GPT-3 175B on 512 A100, layouts as in
benches/src/bin/simulate.rs. Prints JSON: {"steps": ..., "cpu_s": ...}."""

import json
import logging
import time

logging.disable(logging.CRITICAL)

from llm_analysis.analysis import LLMAnalysis  # noqa: E402
from llm_analysis.config import (  # noqa: E402
    ModelConfig,
    ParallelismConfig,
    get_dtype_config_by_name,
    get_gpu_config_by_name,
)

model = ModelConfig(
    name="gpt3-175b", num_layers=96, n_head=96, hidden_dim=12288, vocab_size=51200, max_seq_len=2048
)
gpu = get_gpu_config_by_name("a100-sxm-80gb")
dtype = get_dtype_config_by_name("w16a16e16")
steps = 0
begin = time.process_time()
while time.process_time() - begin < 3.0:
    for tp in (1, 2, 4, 8):
        for pp in (1, 2, 4, 8, 16, 32):
            for micro_batch in (1, 2, 4):
                dp = 512 // tp // pp
                if 1536 % (dp * micro_batch):
                    continue
                analysis = LLMAnalysis(
                    model, gpu, dtype, ParallelismConfig(tp_size=tp, pp_size=pp, dp_size=dp),
                    flops_efficiency=0.5, hbm_memory_efficiency=0.7,
                )
                analysis.training(
                    batch_size_per_gpu=micro_batch,
                    gradient_accumulation_steps=1536 // (dp * micro_batch),
                    global_batch_size=1536,
                    seq_len=2048,
                    total_num_tokens=300e9,
                    output_dir=None,
                )
                steps += 1
print(json.dumps({"steps": steps, "cpu_s": time.process_time() - begin}))
