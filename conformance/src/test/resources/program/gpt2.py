"""GPT-2 in plain Python, an engine of the conformance suite: see conformance/ENGINE-PROTOCOL.md.

Needs nothing but Python 3. The functions are picoGPT's, over lists of doubles; the cache keeps the
keys and values of earlier positions. Shows every activation and parameter. For small models only.
"""

import base64, json, math, operator, os, struct, sys


def gelu(x):
    return [0.5 * a * (1 + math.tanh(math.sqrt(2 / math.pi) * (a + 0.044715 * a**3))) for a in x]


def softmax(x):
    largest = max(x)
    exp = [math.exp(a - largest) for a in x]
    total = sum(exp)
    return [a / total for a in exp]


def layer_norm(x, g, b, eps):
    mean = sum(x) / len(x)
    deviation = math.sqrt(sum((a - mean) ** 2 for a in x) / len(x) + eps)
    return [(a - mean) / deviation * c + d for a, c, d in zip(x, g, b)]


def dot(x, y):
    return sum(map(operator.mul, x, y))


def linear(x, w, b):  # [in], [in, out] by columns, [out] -> [out]
    return [dot(x, column) + c for column, c in zip(w, b)]


class Gpt2:
    def __init__(self, folder):
        with open(os.path.join(folder, "config.json")) as file:
            c = json.load(file)
        self.n_vocab, self.n_ctx = c["vocab_size"], c["n_positions"]
        self.n_embd, self.n_head, self.n_layer = c["n_embd"], c["n_head"], c["n_layer"]
        self.eps = c["layer_norm_epsilon"]
        if c.get("scale_attn_by_inverse_layer_idx") or not c.get("scale_attn_weights", True):
            raise OSError("only GPT-2's own scaling of attention is supported")
        if not c.get("tie_word_embeddings", True):
            raise OSError("only a head tied to wte is supported")
        self.tensors = read_safetensors(os.path.join(folder, "model.safetensors"))
        self.w = {}  # vectors as they are, matrices by columns, embeddings by rows
        for name, (shape, values) in self.tensors.items():
            if name in ("wte.weight", "wpe.weight"):
                values = [values[i : i + shape[1]] for i in range(0, len(values), shape[1])]
            elif len(shape) == 2:
                values = [values[o :: shape[1]] for o in range(shape[1])]
            self.w[name] = values

    def gpt2(self, ids, position, cache, see):  # [n_seq] -> [n_seq, n_embd]
        w = self.w
        x = [
            [a + b for a, b in zip(w["wte.weight"][i], w["wpe.weight"][position + t])]
            for t, i in enumerate(ids)
        ]
        see("embd", x)
        for layer in range(self.n_layer):
            x = self.transformer_block(x, f"h.{layer}", position, cache[layer], see)
            see(f"h.{layer}", x)
        return self.each(layer_norm, x, "ln_f", see, self.eps)

    def transformer_block(self, x, h, position, cache, see):  # [n_seq, n_embd] -> [n_seq, n_embd]
        normed = self.each(layer_norm, x, h + ".ln_1", see, self.eps)
        x = add(x, self.mha(normed, h + ".attn", position, cache, see))
        normed = self.each(layer_norm, x, h + ".ln_2", see, self.eps)
        return add(x, self.ffn(normed, h + ".mlp", see))

    def ffn(self, x, h, see):  # [n_seq, n_embd] -> [n_seq, n_embd]
        a = [gelu(row) for row in self.each(linear, x, h + ".c_fc", see)]
        see(h + ".gelu", a)
        return self.each(linear, a, h + ".c_proj", see)

    def mha(self, x, h, position, cache, see):  # [n_seq, n_embd] -> [n_seq, n_embd]
        e, size = self.n_embd, self.n_embd // self.n_head
        qkv = self.each(linear, x, h + ".c_attn", see)  # [n_seq, 3*n_embd]
        cache[position:] = [row[e:] for row in qkv]
        p, out = [], [[] for _ in x]
        for i in range(0, e, size):
            for t, row in enumerate(qkv):
                seen = cache[: position + t + 1]  # the causal mask
                q = row[i : i + size]
                scores = softmax([dot(q, kv[i : i + size]) / math.sqrt(size) for kv in seen])
                p.append(scores + [0.0] * (len(cache) - len(scores)))
                out[t] += [dot(scores, v) for v in zip(*(kv[e + i : e + i + size] for kv in seen))]
        see(h + ".softmax", p, [self.n_head, len(x), len(cache)])
        see(h + ".out", out)
        return self.each(linear, out, h + ".c_proj", see)

    def each(self, f, x, name, see, *more):
        y = [f(row, self.w[name + ".weight"], self.w[name + ".bias"], *more) for row in x]
        see(name, y)
        return y


def add(x, y):
    return [[a + b for a, b in zip(*rows)] for rows in zip(x, y)]


def read_safetensors(path):  # name -> shape, values
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    tensors = {}
    for name, tensor in header.items():
        if name == "__metadata__":
            continue
        if tensor["dtype"] != "F32":
            raise OSError(f"{name}: F32 expected, {tensor['dtype']} found")
        start, end = tensor["data_offsets"]
        values = list(struct.unpack(f"<{(end - start) // 4}f", data[start:end]))
        tensors[name.removeprefix("transformer.")] = tensor["shape"], values
    return tensors


# From here on, the protocol: one request a line, answered in as many lines as it says.

class StateError(Exception):
    pass


def answer(**fields):
    print(json.dumps(fields), flush=True)


def f32(values):
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def forward(model, session, ids, all, activations):
    if not ids:
        raise ValueError("no tokens to process: at least one is needed")
    for i in ids:
        if not 0 <= i < model.n_vocab:
            raise ValueError(f"token {i} is outside the vocabulary [0, {model.n_vocab})")
    position = session["position"]
    if position + len(ids) > model.n_ctx:
        raise StateError(
            f"context full: position {position} + {len(ids)} new tokens"
            f" is more than n_ctx = {model.n_ctx}"
        )

    def see(name, rows, shape=None):
        if activations:
            shape = shape or [len(rows), len(rows[0])]
            values = f32([a for row in rows for a in row])
            answer(activation=name, position=position, shape=shape, values_f32=values)

    x = model.gpt2(ids, position, session["cache"], see)
    session["position"] += len(ids)
    logits = [[dot(row, w) for w in model.w["wte.weight"]] for row in x]
    see("logits", logits)
    for row in logits if all else logits[-1:]:
        answer(logits_f32=f32(row))


def serve():
    model, sessions, count = None, {}, 0
    for line in sys.stdin:
        request = json.loads(line)
        op = request.pop("op")
        try:
            if "session" in request and request["session"] not in sessions:
                raise StateError("session is closed")
            session = sessions.get(request.get("session"))
            if op == "open":
                model = Gpt2(request["model"])
                can = ["logits", "activations", "parameters"]
                promises = ["SAME_BITS_HOWEVER_SPLIT", "SAME_BITS_HOWEVER_RUN"]
                sizes = {"n_vocab": model.n_vocab, "n_ctx": model.n_ctx}
                answer(name="gpt2.py", **sizes, can=can, promises=promises)
            elif op == "new":
                count += 1  # no number twice: one that is closed stays closed
                sessions[count] = {"position": 0, "cache": [[] for _ in range(model.n_layer)]}
                answer(session=count)
            elif op == "forward":
                forward(model, **(request | {"session": session}))
            elif op == "rewind":
                to, position = request["position"], session["position"]
                if not 0 <= to <= position:
                    raise ValueError(
                        f"cannot rewind to position {to}: it is not in [0, {position}]"
                    )
                session["position"] = to  # what the cache holds beyond is overwritten
                answer()
            elif op == "close":
                del sessions[request["session"]]
                answer()
            elif op == "parameter":
                if request["name"] not in model.tensors:
                    raise ValueError(f"{request['name']}: no such tensor")
                answer(values_f32=f32(model.tensors[request["name"]][1]))
            else:
                raise ValueError(f"'{op}' is not among what this engine can")
        except ValueError as e:
            answer(error=str(e), kind="argument")
        except StateError as e:
            answer(error=str(e), kind="state")
        except OSError as e:
            answer(error=str(e), kind="model")


serve()
