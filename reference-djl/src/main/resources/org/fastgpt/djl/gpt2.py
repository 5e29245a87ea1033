# HuggingFace's GPT2LMHeadModel as TorchScript: its module tree, its state-dict names, its operations
# (transformers 5, models/gpt2/modeling_gpt2.py, attn_implementation="eager", no dropout).
# The text is the same for every model: sizes are attributes of the modules, and a line that holds
# {l} stands once for each layer.
#
# Shapes: B rows of a batch, T new positions, P past ones, S = P + T, C = n_embd, H heads of width D,
# I = n_inner, V = n_vocab. Conv1D's weight lies [in, out], Linear's and Embedding's [out, in].


def see(seen: Optional[List[Tensor]], x: Tensor) -> Tensor:
  if seen is not None:
    seen.append(x)
  return x

class Embedding(Module):
  __parameters__ = ["weight", ]
  __buffers__ = []
  weight : Tensor
  training : bool
  def forward(self: __torch__.Embedding,
    ids: Tensor) -> Tensor:
    return torch.embedding(self.weight, ids)                               # [B, T] -> [B, T, C]

class LayerNorm(Module):
  __parameters__ = ["weight", "bias", ]
  __buffers__ = []
  weight : Tensor
  bias : Tensor
  eps : float
  training : bool
  def forward(self: __torch__.LayerNorm,
    x: Tensor) -> Tensor:
    return torch.layer_norm(x, [torch.size(x, -1)], self.weight, self.bias, self.eps)

class Conv1D(Module):
  __parameters__ = ["weight", "bias", ]
  __buffers__ = []
  weight : Tensor
  bias : Tensor
  training : bool
  def forward(self: __torch__.Conv1D,
    x: Tensor) -> Tensor:
    rows = torch.view(x, [-1, torch.size(x, -1)])                          # [B, T, in] -> [B*T, in]
    y = torch.addmm(self.bias, rows, self.weight)                          # [B*T, in] -> [B*T, out]
    return torch.view(y, [torch.size(x, 0), torch.size(x, 1), torch.size(y, -1)])

class Linear(Module):
  __parameters__ = ["weight", ]
  __buffers__ = []
  weight : Tensor
  training : bool
  def forward(self: __torch__.Linear,
    x: Tensor) -> Tensor:
    return torch.linear(x, self.weight)                                    # [B, T, C] -> [B, T, V]

class GPT2Attention(Module):
  __parameters__ = []
  __buffers__ = []
  c_attn : __torch__.Conv1D
  c_proj : __torch__.Conv1D
  split_size : int
  head_dim : int
  scaling : float
  training : bool
  def heads(self: __torch__.GPT2Attention,
    x: Tensor) -> Tensor:
    split = torch.view(x, [torch.size(x, 0), torch.size(x, 1), -1, self.head_dim])
    return torch.transpose(split, 1, 2)                                    # [B, T, C] -> [B, H, T, D]
  def forward(self: __torch__.GPT2Attention,
    x: Tensor,
    past_key: Tensor,
    past_value: Tensor,
    mask: Tensor,
    seen: Optional[List[Tensor]]) -> Tuple[Tensor, Tensor, Tensor]:
    qkv = __torch__.see(seen, (self.c_attn).forward(x))                    # [B, T, C] -> [B, T, 3*C]
    q, k, v, = torch.split(qkv, self.split_size, 2)                        # three of [B, T, C]
    query = (self).heads(q)                                                # [B, H, T, D]
    key = torch.cat([past_key, (self).heads(k)], -2)                       # [B, H, S, D]
    value = torch.cat([past_value, (self).heads(v)], -2)                   # [B, H, S, D]
    scores = torch.mul(torch.matmul(query, torch.transpose(key, -1, -2)), self.scaling)
    weights = torch.softmax(torch.add(scores, mask), -1)                   # [B, H, T, S]
    weights = __torch__.see(seen, weights)
    out = torch.transpose(torch.matmul(weights, value), 1, 2)              # [B, T, H, D]
    out = torch.reshape(out, [torch.size(x, 0), torch.size(x, 1), -1])     # [B, T, C]
    out = __torch__.see(seen, out)
    return (__torch__.see(seen, (self.c_proj).forward(out)), key, value)

class GPT2MLP(Module):
  __parameters__ = []
  __buffers__ = []
  c_fc : __torch__.Conv1D
  c_proj : __torch__.Conv1D
  training : bool
  def forward(self: __torch__.GPT2MLP,
    x: Tensor,
    seen: Optional[List[Tensor]]) -> Tensor:
    x = __torch__.see(seen, (self.c_fc).forward(x))                        # [B, T, C] -> [B, T, I]
    x = __torch__.see(seen, torch.gelu(x, approximate="tanh"))
    return __torch__.see(seen, (self.c_proj).forward(x))                   # [B, T, I] -> [B, T, C]

class GPT2Block(Module):
  __parameters__ = []
  __buffers__ = []
  ln_1 : __torch__.LayerNorm
  attn : __torch__.GPT2Attention
  ln_2 : __torch__.LayerNorm
  mlp : __torch__.GPT2MLP
  training : bool
  def forward(self: __torch__.GPT2Block,
    x: Tensor,
    past: List[Tensor],
    layer: int,
    mask: Tensor,
    present: List[Tensor],
    seen: Optional[List[Tensor]]) -> Tensor:
    normed = __torch__.see(seen, (self.ln_1).forward(x))
    attended = (self.attn).forward(normed, past[2 * layer], past[2 * layer + 1], mask, seen)
    out, key, value, = attended
    present.append(key)
    present.append(value)
    x = torch.add(out, x)
    normed = __torch__.see(seen, (self.ln_2).forward(x))
    x = torch.add(x, (self.mlp).forward(normed, seen))
    return __torch__.see(seen, x)

class ModuleList(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  __annotations__["{l}"] = __torch__.GPT2Block

class GPT2Model(Module):
  __parameters__ = []
  __buffers__ = []
  wte : __torch__.Embedding
  wpe : __torch__.Embedding
  h : __torch__.ModuleList
  ln_f : __torch__.LayerNorm
  training : bool
  # 0 where a position may look: at itself and at earlier ones that are no padding. Elsewhere the lowest
  # finite float: with minus infinity a row of nothing but padding would be 0 / 0.
  def mask(self: __torch__.GPT2Model,
    attention_mask: Tensor,
    new: int) -> Tensor:
    length = torch.size(attention_mask, 1)                                 # S
    s = torch.arange(length)
    t = torch.unsqueeze(torch.arange(length - new, length), 1)
    causal = torch.le(s, t)                                                # [T, S]
    real = torch.to(attention_mask, 11)[:, None, None]                     # [B, S] -> [B, 1, 1, S]
    visible = torch.logical_and(causal, real)                              # [B, 1, T, S]
    zeros = torch.zeros(torch.size(visible), dtype=6)
    return torch.masked_fill(zeros, torch.logical_not(visible), -3.4028234663852886e+38)
  def forward(self: __torch__.GPT2Model,
    input_ids: Tensor,
    position_ids: Tensor,
    attention_mask: Tensor,
    past: List[Tensor],
    present: List[Tensor],
    seen: Optional[List[Tensor]]) -> Tensor:
    h = self.h
    mask = (self).mask(attention_mask, torch.size(input_ids, 1))           # [B, 1, T, S]
    x = torch.add((self.wte).forward(input_ids), (self.wpe).forward(position_ids))
    x = __torch__.see(seen, x)                                             # [B, T, C]
    x = (getattr(h, "{l}")).forward(x, past, {l}, mask, present, seen)
    return __torch__.see(seen, (self.ln_f).forward(x))

class GPT2LMHeadModel(Module):
  __parameters__ = []
  __buffers__ = []
  transformer : __torch__.GPT2Model
  lm_head : __torch__.Linear
  training : bool
  def run(self: __torch__.GPT2LMHeadModel,
    input_ids: Tensor,
    position_ids: Tensor,
    attention_mask: Tensor,
    past: List[Tensor],
    logits_to_keep: int,
    seen: Optional[List[Tensor]]) -> Tuple[Tensor, List[Tensor]]:
    present = annotate(List[Tensor], [])
    x = (self.transformer).forward(input_ids, position_ids, attention_mask, past, present, seen)
    kept = torch.slice(x, 1, -logits_to_keep)                              # 0 keeps all positions
    return (__torch__.see(seen, (self.lm_head).forward(kept)), present)
  # The logits of all new positions [B, T, V], and the grown cache: key, value of each layer [B, H, S, D].
  def forward(self: __torch__.GPT2LMHeadModel,
    input_ids: Tensor,
    position_ids: Tensor,
    attention_mask: Tensor,
    past: List[Tensor]) -> Tuple[Tensor, List[Tensor]]:
    return (self).run(input_ids, position_ids, attention_mask, past, 0, None)
  # The same, logits of the last position only [B, 1, V]: what HuggingFace's generate() asks for.
  def forward_last(self: __torch__.GPT2LMHeadModel,
    input_ids: Tensor,
    position_ids: Tensor,
    attention_mask: Tensor,
    past: List[Tensor]) -> Tuple[Tensor, List[Tensor]]:
    return (self).run(input_ids, position_ids, attention_mask, past, 1, None)
  # As forward, and then every activation that see() saw, in the order of org.fastgpt.Probe.names.
  def forward_probe(self: __torch__.GPT2LMHeadModel,
    input_ids: Tensor,
    position_ids: Tensor,
    attention_mask: Tensor,
    past: List[Tensor]) -> Tuple[Tensor, List[Tensor], List[Tensor]]:
    seen = annotate(List[Tensor], [])
    logits, present, = (self).run(input_ids, position_ids, attention_mask, past, 0, seen)
    return (logits, present, seen)
