import numpy as np
import gzip

# weights and biases in lists, any depth; relu everywhere, softmax at the end
with gzip.open("train-images-idx3-ubyte.gz") as f:
    X = np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 784) / 255
with gzip.open("train-labels-idx1-ubyte.gz") as f:
    Y = np.frombuffer(f.read(), np.uint8, offset=8)
with gzip.open("t10k-images-idx3-ubyte.gz") as f:
    X_test = np.frombuffer(f.read(), np.uint8, offset=16).reshape(-1, 784) / 255
with gzip.open("t10k-labels-idx1-ubyte.gz") as f:
    Y_test = np.frombuffer(f.read(), np.uint8, offset=8)

sizes = [784, 48, 24, 10]
np.random.seed(16)
weights = [np.random.randn(a, b) * np.sqrt(2 / a) for a, b in zip(sizes[:-1], sizes[1:])]
biases = [np.zeros(b) for b in sizes[1:]]
last = len(weights) - 1
learning_rate = 0.1

for epoch in range(12):
    shuffled = np.random.permutation(len(X))
    for start in range(0, len(X), 25):
        rows = shuffled[start:start + 25]
        activations = [X[rows]]
        for i in range(len(weights)):
            z = activations[-1] @ weights[i] + biases[i]
            if i == last:
                e = np.exp(z - z.max(axis=1, keepdims=True))
                activations.append(e / e.sum(axis=1, keepdims=True))
            else:
                activations.append(np.maximum(z, 0))
        target = np.eye(10)[Y[rows]]
        loss = -np.sum(target * np.log(activations[-1] + 1e-8)) / len(rows)

        delta = (activations[-1] - target) / len(rows)
        grads_w, grads_b = [None] * len(weights), [None] * len(weights)
        for i in range(last, -1, -1):
            grads_w[i] = activations[i].T @ delta
            grads_b[i] = delta.sum(axis=0)
            if i > 0:
                delta = (delta @ weights[i].T) * (activations[i] > 0)
        for i in range(len(weights)):
            weights[i] -= learning_rate * grads_w[i]
            biases[i] -= learning_rate * grads_b[i]
    print("epoch", epoch, "loss", loss)

a = X_test
for i in range(len(weights)):
    a = a @ weights[i] + biases[i]
    if i < last:
        a = np.maximum(a, 0)
print("accuracy", np.mean(a.argmax(axis=1) == Y_test))
