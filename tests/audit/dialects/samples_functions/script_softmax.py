# ruff: noqa
import numpy as np

np.random.seed(1)
X = np.random.randn(200, 5)
y = np.random.randint(0, 3, 200)
D, H, C = 5, 8, 3
W1 = 0.01 * np.random.randn(D, H)
b1 = np.zeros((1, H))
W2 = 0.01 * np.random.randn(H, C)
b2 = np.zeros((1, C))
step_size = 1.0
reg = 1e-3
num_examples = X.shape[0]
for i in range(1000):
    hidden = np.maximum(0, np.dot(X, W1) + b1)
    scores = np.dot(hidden, W2) + b2
    e = np.exp(scores)
    probs = e / np.sum(e, axis=1, keepdims=True)
    correct = -np.log(probs[range(num_examples), y])
    data_loss = np.sum(correct) / num_examples
    loss = data_loss + 0.5 * reg * np.sum(W1 * W1)
    if i % 100 == 0:
        print("iteration %d: loss %f" % (i, loss))
    dscores = probs
    dscores[range(num_examples), y] -= 1
    dscores /= num_examples
    dW2 = np.dot(hidden.T, dscores)
    db2 = np.sum(dscores, axis=0, keepdims=True)
    dhidden = np.dot(dscores, W2.T)
    dhidden[hidden <= 0] = 0
    dW1 = np.dot(X.T, dhidden)
    db1 = np.sum(dhidden, axis=0, keepdims=True)
    dW1 += reg * W1
    W1 += -step_size * dW1
    b1 += -step_size * db1
    W2 += -step_size * dW2
    b2 += -step_size * db2
