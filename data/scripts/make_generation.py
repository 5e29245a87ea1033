"""Golden data of generation: sampling rules and their order, beam search, contrastive search; HuggingFace transformers in float64.

usage: make_generation.py MODEL_DIR OUT.json
MODEL_DIR: tiny-shakespeare as a HuggingFace model folder.
"""
import json, random, sys
import torch, transformers
from tokenizers import ByteLevelBPETokenizer
from transformers import GenerationConfig, GPT2LMHeadModel

model_dir, out = sys.argv[1:3]
models = {t: GPT2LMHeadModel.from_pretrained(model_dir, dtype=t, attn_implementation="eager").eval() for t in (torch.float64, torch.float32)}
m = models[torch.float64]
tok = ByteLevelBPETokenizer(f"{model_dir}/vocab.json", f"{model_dir}/merges.txt", add_prefix_space=False)
enc = lambda s: tok.encode(s).ids
rnd = random.Random(1)
doc = dict(source=f"HuggingFace transformers {transformers.__version__}, torch {torch.__version__}, float64; ties in no rule that cuts by rank")

# Any combination of rules, through generate()'s own list of processors, on made-up logits.
V, EOS = 30, 29
CHOICES = dict(
    temperature=[0.3, 0.7, 1.0, 2.5], top_k=[1, 3, 10, 29, 30, 1000], top_p=[0.01, 0.3, 0.9, 0.99, 1.0], min_p=[0.0, 0.02, 0.3, 1.0], typical_p=[0.05, 0.5, 0.95, 1.0],
    repetition_penalty=[0.5, 1.0, 1.3, 4.0], no_repeat_ngram_size=[1, 2, 3], bad_words_ids=[[[3]], [[1, 2], [4]], [[EOS], [5, 6, 7]], [[0], [1], [2, 2]]], min_new_tokens=[1, 3, 8],
    sequence_bias=[[[[2], 3.5]], [[[7], -2.0], [[1, 2], 5.5]], [[[0], -1.0], [[3, 1, 2], 10.0]]])

def rule_case(params, sample=True):
    n = rnd.randint(1, 12); prompt = rnd.randint(1, n)
    ids = [rnd.randrange(8) for _ in range(n)]
    if "sequence_bias" in params and rnd.random() < 0.5: ids += params["sequence_bias"][-1][0][:-1]
    if "bad_words_ids" in params and rnd.random() < 0.5: ids += params["bad_words_ids"][-1][:-1]
    logits = [rnd.gauss(0, 3) for _ in range(V)]
    if params.keys() <= {"temperature", "top_k", "min_p"}: logits = [round(l) + 0.0 for l in logits]  # ties, where each is kept or cut as a whole
    c = GenerationConfig(do_sample=sample, eos_token_id=EOS, **params)
    c._eos_token_tensor = torch.tensor([EOS])
    x = m._get_logits_processor(c, input_ids_seq_length=prompt, device="cpu")(torch.tensor([ids]), torch.tensor([logits], dtype=torch.float64))[0]
    kept = torch.isfinite(x).nonzero().flatten()
    return dict(logits=logits, ids=ids, prompt_length=prompt, params=params, kept=kept.tolist(), probs=torch.softmax(x, -1)[kept].tolist())

doc["n_vocab"], doc["eos"], doc["rules"] = V, EOS, []
for name, values in CHOICES.items():
    for v in values: doc["rules"].append(rule_case({name: v}))
while len(doc["rules"]) < 200:
    names = rnd.sample(list(CHOICES), rnd.randint(2, 6))
    c = rule_case({k: rnd.choice(CHOICES[k]) for k in names})
    if c["kept"]: doc["rules"].append(c)  # all forbidden: HuggingFace has no defined answer

PROMPTS = ["ROMEO:\n", "KING RICHARD III:\nA faster horse!", "My lord, the engine is ready", "the", "O"]
doc["beam_search"], skipped = [], 0
for i, p in enumerate(PROMPTS):
    for beams, n, early, lp, eos, extra in [(2, 12, False, 1.0, [1023], {}), (3, 24, False, 1.0, [198], {}), (3, 24, True, 1.0, [198], {}), (3, 24, "never", 1.0, [198], {}), (4, 20, False, 0.0, [198, 13], {}),
                                            (4, 20, "never", 2.0, [198, 13], {}), (4, 20, False, -1.0, [13], {}), (5, 30, True, 0.6, [13], dict(no_repeat_ngram_size=2)), (1, 10, False, 1.0, [198], {}), (4, 20, True, 1.0, [198], dict(repetition_penalty=1.3))]:
        ids = torch.tensor([enc(p)])
        o = [x.generate(ids, attention_mask=torch.ones_like(ids), num_beams=beams, do_sample=False, max_new_tokens=n, early_stopping=early, length_penalty=lp, num_return_sequences=beams, eos_token_id=eos,
                        pad_token_id=0, return_dict_in_generate=True, output_scores=True, **extra) for x in (m, models[torch.float32])]
        if beams == 1:
            doc["beam_search"].append(dict(prompt=p, prompt_ids=ids[0].tolist(), num_beams=1, n=n, early_stopping="false", length_penalty=lp, eos=eos, extra=extra, sequences=[o[0].sequences[0][ids.shape[1]:].tolist()]))
            continue
        if o[0].sequences.tolist() != o[1].sequences.tolist(): skipped += 1; continue  # nearer to a tie than float32 can tell
        cut = lambda q: q[:next((i + 1 for i, t in enumerate(q) if t in eos), len(q))]  # without padding
        doc["beam_search"].append(dict(prompt=p, prompt_ids=ids[0].tolist(), num_beams=beams, n=n, early_stopping=str(early).lower(), length_penalty=lp, eos=eos, extra=extra,
                                       sequences=[cut(q[ids.shape[1]:].tolist()) for q in o[0].sequences], scores=o[0].sequences_scores.tolist()))

def contrastive(model, ids, k, alpha, n):
    """As _contrastive_search of transformers 4.5x, which 5 no longer has: (1 - alpha) p - alpha max cos(candidate, earlier)."""
    ids = list(ids); n0 = len(ids)
    hidden = lambda x: (lambda o: (o.hidden_states[-1][0], o.logits[0, -1]))(model(torch.tensor([x]), output_hidden_states=True))
    with torch.no_grad():
        for _ in range(n):
            context, logits = hidden(ids)
            probs, top = torch.topk(torch.softmax(logits, -1), k)
            unit = context / context.norm(dim=1, keepdim=True)
            score = []
            for p, t in zip(probs, top):
                h = hidden(ids + [int(t)])[0][-1]
                score.append(float((1 - alpha) * p - alpha * (unit @ (h / h.norm())).max()))
            ids.append(int(top[max(range(k), key=score.__getitem__)]))
    return ids[n0:]

doc["contrastive"] = []
for p in PROMPTS:
    for k, alpha in [(4, 0.6), (8, 0.3), (4, 0.0), (3, 1.0)]:
        a, b = (contrastive(x, enc(p), k, alpha, 24) for x in (m, models[torch.float32]))
        if a == b: doc["contrastive"].append(dict(prompt=p, prompt_ids=enc(p), top_k=k, penalty_alpha=alpha, new_ids=a))
        else: skipped += 1
json.dump(doc, open(out, "w"))
print(len(doc["rules"]), "rules", len(doc["beam_search"]), "beam searches", len(doc["contrastive"]), "contrastive searches", skipped, "skipped as too near to a tie")
