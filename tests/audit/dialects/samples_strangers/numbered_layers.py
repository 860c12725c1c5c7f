import numpy as np

def build(sizes):
    net = {}
    for i in range(1, len(sizes)):
        net[i] = {"w": np.random.randn(sizes[i - 1], sizes[i]) / np.sqrt(sizes[i - 1]), "b": np.zeros(sizes[i])}
    return net

def feed(net, x):
    acts = {0: x}
    for i in sorted(net):
        z = acts[i - 1] @ net[i]["w"] + net[i]["b"]
        acts[i] = 1 / (1 + np.exp(-z))
    return acts[len(net)], acts

def mse(out, t):
    return 0.5 * np.mean(np.sum((out - t) ** 2, axis=1))

def backprop(net, out, acts, t):
    grads = {}
    delta = (out - t) * out * (1 - out) / len(t)
    for i in sorted(net, reverse=True):
        grads[i] = {"w": acts[i - 1].T @ delta, "b": delta.sum(axis=0)}
        delta = delta @ net[i]["w"].T * acts[i - 1] * (1 - acts[i - 1])
    return grads

def apply(net, grads, speed, lr, mu=0.9):
    for i in net:
        for k in net[i]:
            speed[i][k] = mu * speed[i][k] - lr * grads[i][k]
            net[i][k] += speed[i][k]

net = build([8, 16, 3])
speed = {i: {k: np.zeros_like(v) for k, v in layer.items()} for i, layer in net.items()}

def main():
    x = np.random.rand(100, 8)
    t = np.eye(3)[np.random.randint(0, 3, 100)]
    for epoch in range(50):
        out, acts = feed(net, x)
        grads = backprop(net, out, acts, t)
        apply(net, grads, speed, 0.1)
        print(epoch, mse(out, t))

if __name__ == "__main__":
    main()
