# A small deep learning "framework" for my blog post.
# BatchNorm + Dropout + Adam + L2, everything by hand.
import numpy as np


class Module:
    training = True

    def parameters(self):
        return []

    def __call__(self, x):
        return self.forward(x)


class Parameter:
    def __init__(self, data):
        self.data = data
        self.grad = np.zeros_like(data)


class Linear(Module):
    def __init__(self, in_features, out_features):
        self.W = Parameter(np.random.randn(in_features, out_features) * np.sqrt(2 / in_features))
        self.b = Parameter(np.zeros(out_features))

    def forward(self, x):
        self.x = x
        return x @ self.W.data + self.b.data

    def backward(self, dout):
        self.W.grad = self.x.T @ dout
        self.b.grad = dout.sum(axis=0)
        return dout @ self.W.data.T

    def parameters(self):
        return [self.W, self.b]


class ReLU(Module):
    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, 0.0)

    def backward(self, dout):
        return np.where(self.x > 0, dout, 0.0)


class BatchNorm1d(Module):
    def __init__(self, features, momentum=0.9, eps=1e-5):
        self.gamma = Parameter(np.ones(features))
        self.beta = Parameter(np.zeros(features))
        self.running_mean = np.zeros(features)
        self.running_var = np.ones(features)
        self.momentum = momentum
        self.eps = eps

    def forward(self, x):
        if self.training:
            mean = x.mean(axis=0)
            var = x.var(axis=0)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            mean, var = self.running_mean, self.running_var
        self.std = np.sqrt(var + self.eps)
        self.xhat = (x - mean) / self.std
        return self.gamma.data * self.xhat + self.beta.data

    def backward(self, dout):
        self.gamma.grad = (dout * self.xhat).sum(axis=0)
        self.beta.grad = dout.sum(axis=0)
        dxhat = dout * self.gamma.data
        return (dxhat - dxhat.mean(axis=0) - self.xhat * (dxhat * self.xhat).mean(axis=0)) / self.std

    def parameters(self):
        return [self.gamma, self.beta]


class Dropout(Module):
    def __init__(self, p=0.2):
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        self.mask = (np.random.rand(*x.shape) > self.p) / (1 - self.p)
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class Sequential(Module):
    def __init__(self, *modules):
        self.modules = modules

    def forward(self, x):
        for m in self.modules:
            x = m(x)
        return x

    def backward(self, dout):
        for m in reversed(self.modules):
            dout = m.backward(dout)
        return dout

    def parameters(self):
        return [p for m in self.modules for p in m.parameters()]

    def train(self):
        for m in self.modules:
            m.training = True

    def eval(self):
        for m in self.modules:
            m.training = False


class CrossEntropy:
    def __call__(self, logits, y):
        z = logits - logits.max(axis=1, keepdims=True)
        logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        self.p = np.exp(logp)
        self.y = y
        return -logp[np.arange(len(y)), y].mean()

    def backward(self):
        d = self.p.copy()
        d[np.arange(len(self.y)), self.y] -= 1.0
        return d / len(self.y)


class Adam:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.params = params
        self.lr = lr
        self.beta1, self.beta2 = betas
        self.eps = eps
        self.weight_decay = weight_decay
        self.m = [np.zeros_like(p.data) for p in params]
        self.v = [np.zeros_like(p.data) for p in params]
        self.t = 0

    def step(self):
        self.t += 1
        for i, p in enumerate(self.params):
            g = p.grad
            self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
            self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g ** 2
            m_hat = self.m[i] / (1 - self.beta1 ** self.t)
            v_hat = self.v[i] / (1 - self.beta2 ** self.t)
            p.data -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)
            p.data -= self.lr * self.weight_decay * p.data


def load(path):
    table = np.loadtxt(path, delimiter=",")
    return table[:, 1:] / 255, table[:, 0].astype(int)


def evaluate(model, x, y):
    model.eval()
    right = (model(x).argmax(1) == y).mean()
    model.train()
    return right


def main():
    x_train, y_train = load("mnist_train.csv")
    x_test, y_test = load("mnist_test.csv")
    for epoch in range(8):
        perm = np.random.permutation(len(x_train))
        for i in range(0, len(perm), 50):
            batch = perm[i:i + 50]
            loss = criterion(model(x_train[batch]), y_train[batch])
            model.backward(criterion.backward())
            optimizer.step()
        print("epoch %d  loss %.4f  test accuracy %.4f" % (epoch, loss, evaluate(model, x_test, y_test)))


np.random.seed(1)
model = Sequential(
    Linear(784, 100), BatchNorm1d(100), ReLU(), Dropout(0.2),
    Linear(100, 10),
)
criterion = CrossEntropy()
optimizer = Adam(model.parameters(), lr=0.002, weight_decay=1e-4)

if __name__ == "__main__":
    main()
