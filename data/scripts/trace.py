"""MODEL_DIR/traced.pt: HuggingFace's own GPT2LMHeadModel of that folder, traced to TorchScript. For any size of GPT-2.

usage: trace.py MODEL_DIR      needs: torch, transformers
Inputs:  input_ids [B, T], position_ids [B, T], attention_mask [B, P + T], past: List[Tensor], key and value of each layer [B, H, P, D]; P may be 0
Outputs: logits [B, T, V], key and value of each layer [B, H, P + T, D]
"""
import os, sys, warnings, zipfile
import torch
warnings.filterwarnings("ignore")
from transformers import DynamicCache, GPT2LMHeadModel


class Traced(torch.nn.Module):
    def __init__(s, m): super().__init__(); s.m = m; s.L = m.config.n_layer
    def forward(s, input_ids, position_ids, attention_mask, past):
        cache = DynamicCache()
        for i in range(s.L): cache.update(past[2 * i], past[2 * i + 1], i)
        o = s.m(input_ids=input_ids, position_ids=position_ids, attention_mask=attention_mask, past_key_values=cache, use_cache=True)
        kv = []
        for l in o.past_key_values.layers: kv += [l.keys, l.values]
        return o.logits, tuple(kv)


def strip_debug(src, dst):
    """Copies a TorchScript archive without its debug_pkl entries (source positions of the machine that traced it), data aligned to 64 bytes."""
    with zipfile.ZipFile(src) as a, zipfile.ZipFile(dst, "w", zipfile.ZIP_STORED) as b:
        for i in a.infolist():
            if i.filename.endswith(".debug_pkl"): continue
            z = zipfile.ZipInfo(i.filename, (1980, 1, 1, 0, 0, 0))
            pad = -(b.fp.tell() + 30 + len(i.filename.encode()) + 4) % 64
            z.extra = b"FB" + pad.to_bytes(2, "little") + b"Z" * pad
            b.writestr(z, a.read(i.filename))
    os.remove(src)


def trace(model_dir):
    m = GPT2LMHeadModel.from_pretrained(model_dir, dtype=torch.float32, attn_implementation="eager").eval()
    c = m.config
    H, D, T, P = c.n_head, c.n_embd // c.n_head, 4, 3
    with torch.no_grad():
        t = torch.jit.trace(Traced(m).eval(), (torch.tensor([[1, 2, 3, 4]]), torch.arange(P, P + T)[None], torch.ones(1, P + T, dtype=torch.long), [torch.randn(1, H, P, D) for _ in range(2 * c.n_layer)]), check_trace=False)
        x = torch.arange(20)[None]
        o = t(x, x, torch.ones_like(x), [torch.zeros(1, H, 0, D) for _ in range(2 * c.n_layer)])[0]
        assert (o - m(x).logits).abs().max() < 1e-3
    torch.jit.save(t, f"{model_dir}/traced.full.pt")
    strip_debug(f"{model_dir}/traced.full.pt", f"{model_dir}/traced.pt")


if __name__ == "__main__":
    trace(sys.argv[1])
