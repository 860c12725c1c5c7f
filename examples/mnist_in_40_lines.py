"""MNIST in forty lines: the loop that everybody writes, on handgrad's layers.

python examples/mnist_in_40_lines.py
"""

import numpy as np

from handgrad import MLP, Adam, SoftmaxCrossEntropy, load_data, one_cycle

EPOCHS, BATCH = 3, 128

data = load_data("mnist")
rng = np.random.default_rng(0)
net = MLP(784, 256, 10, rng=rng)
criterion, optimizer = SoftmaxCrossEntropy(), Adam(net.parameters(), lr=0.008)
schedule = one_cycle(EPOCHS * -(-60_000 // BATCH))


def pixels(images: np.ndarray) -> np.ndarray:
    """(n, 28, 28) whole numbers up to 255 -> (n, 784) floats up to 1."""
    return images.reshape(len(images), -1).astype(np.float32) / 255


step = 0
for epoch in range(EPOCHS):
    order = rng.permutation(60_000)
    for start in range(0, 60_000, BATCH):
        rows = order[start : start + BATCH]
        loss = criterion(net(pixels(data.train.images[rows])), data.train.labels[rows])  # forward
        net.backward(criterion.backward())  # backward
        optimizer.lr = 0.008 * schedule(step)
        optimizer.step()  # update
        step += 1
    print(f"epoch {epoch + 1}: loss of the last batch {loss:.4f}")

net.eval()
accuracy = np.mean(net(pixels(data.test.images)).argmax(axis=1) == data.test.labels)
print(f"test accuracy {accuracy:.2%}")
assert accuracy > 0.975
