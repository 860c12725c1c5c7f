import numpy as np

def init_params(n_in, n_hidden, n_out):
    return {
        "layer1": {"W": np.random.randn(n_in, n_hidden) * 0.1, "b": np.zeros((1, n_hidden))},
        "layer2": {"W": np.random.randn(n_hidden, n_out) * 0.1, "b": np.zeros((1, n_out))},
    }

def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def forward(x, params):
    z1 = x @ params["layer1"]["W"] + params["layer1"]["b"]
    a1 = np.tanh(z1)
    z2 = a1 @ params["layer2"]["W"] + params["layer2"]["b"]
    return softmax(z2), {"x": x, "a1": a1}

def loss(p, t):
    return -np.mean(np.sum(t * np.log(p + 1e-12), axis=1))

def backward(p, t, cache, params):
    m = t.shape[0]
    d2 = (p - t) / m
    grads = {"layer2": {"W": cache["a1"].T @ d2, "b": d2.sum(axis=0, keepdims=True)}}
    d1 = d2 @ params["layer2"]["W"].T * (1 - cache["a1"] ** 2)
    grads["layer1"] = {"W": cache["x"].T @ d1, "b": d1.sum(axis=0, keepdims=True)}
    return grads

def update(params, grads, lr):
    for layer in params:
        for key in params[layer]:
            params[layer][key] -= lr * grads[layer][key]
    return params
