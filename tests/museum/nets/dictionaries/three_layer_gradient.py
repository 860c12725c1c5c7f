# 오차역전파법을 직접 쓴 3층 신경망 (밑바닥부터)
import numpy as np
import pickle
from tqdm import tqdm
from keras.datasets import mnist


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_grad(x):
    return (1.0 - sigmoid(x)) * sigmoid(x)


def softmax(x):
    x = x.T
    x = x - np.max(x, axis=0)
    return (np.exp(x) / np.sum(np.exp(x), axis=0)).T


def cross_entropy_error(y, t):
    return -np.sum(np.log(y[np.arange(len(t)), t] + 1e-7)) / len(t)


class ThreeLayerNet:
    def __init__(self, sizes=(784, 60, 60, 10)):
        self.params = {}
        for i in range(1, len(sizes)):
            self.params['W' + str(i)] = np.random.randn(sizes[i - 1], sizes[i]) / np.sqrt(sizes[i - 1])
            self.params['b' + str(i)] = np.zeros(sizes[i])

    def predict(self, x):
        W1, W2, W3 = self.params['W1'], self.params['W2'], self.params['W3']
        b1, b2, b3 = self.params['b1'], self.params['b2'], self.params['b3']
        z1 = sigmoid(np.dot(x, W1) + b1)
        z2 = sigmoid(np.dot(z1, W2) + b2)
        return softmax(np.dot(z2, W3) + b3)

    def loss(self, x, t):
        return cross_entropy_error(self.predict(x), t)

    def accuracy(self, x, t):
        return np.mean(np.argmax(self.predict(x), axis=1) == t)

    def gradient(self, x, t):
        W1, W2, W3 = self.params['W1'], self.params['W2'], self.params['W3']
        b1, b2, b3 = self.params['b1'], self.params['b2'], self.params['b3']
        grads = {}
        batch_num = x.shape[0]

        # 순전파
        a1 = np.dot(x, W1) + b1
        z1 = sigmoid(a1)
        a2 = np.dot(z1, W2) + b2
        z2 = sigmoid(a2)
        a3 = np.dot(z2, W3) + b3
        y = softmax(a3)

        # 역전파
        dy = y.copy()
        dy[np.arange(batch_num), t] -= 1
        dy /= batch_num
        grads['W3'] = np.dot(z2.T, dy)
        grads['b3'] = np.sum(dy, axis=0)

        dz2 = np.dot(dy, W3.T)
        da2 = sigmoid_grad(a2) * dz2
        grads['W2'] = np.dot(z1.T, da2)
        grads['b2'] = np.sum(da2, axis=0)

        dz1 = np.dot(da2, W2.T)
        da1 = sigmoid_grad(a1) * dz1
        grads['W1'] = np.dot(x.T, da1)
        grads['b1'] = np.sum(da1, axis=0)

        return grads


def main():
    (x_train, t_train), (x_test, t_test) = mnist.load_data()
    x_train = x_train.reshape(-1, 784) / 255.0
    x_test = x_test.reshape(-1, 784) / 255.0
    net = ThreeLayerNet()
    learning_rate = 0.8
    for i in tqdm(range(1500)):
        batch_mask = np.random.choice(len(x_train), 64)
        grad = net.gradient(x_train[batch_mask], t_train[batch_mask])
        for key in net.params:
            net.params[key] -= learning_rate * grad[key]
        if i % 300 == 0:
            print(i, net.loss(x_train[batch_mask], t_train[batch_mask]))
    print('accuracy', net.accuracy(x_test, t_test))
    with open('params.pkl', 'wb') as f:
        pickle.dump(net.params, f)


if __name__ == '__main__':
    main()
