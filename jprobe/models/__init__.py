"""Models: Flax Linen modules, and one way to start and to call any model."""

from jprobe.models.adapter import Model, forward, network, variables_of
from jprobe.models.alexnet import AlexNet, AlexNetTorchvision
from jprobe.models.architectures import DEPTHS, architecture
from jprobe.models.autoencoder import Autoencoder
from jprobe.models.cnn import CNN
from jprobe.models.dag import DAG
from jprobe.models.distilbert import DistilBert
from jprobe.models.googlenet import GoogLeNet, GoogLeNetTorchvision
from jprobe.models.mlp import MLP
from jprobe.models.normalization import local_response_normalization
from jprobe.models.pooling import ceil_max_pool
from jprobe.models.pure import Network
from jprobe.models.resnet import ResNet18
from jprobe.models.rnn import RNN
from jprobe.models.shufflenet import ShuffleNet
from jprobe.models.squeezenet import SqueezeNet

__all__ = [
    "CNN",
    "DAG",
    "DEPTHS",
    "MLP",
    "RNN",
    "AlexNet",
    "AlexNetTorchvision",
    "Autoencoder",
    "DistilBert",
    "GoogLeNet",
    "GoogLeNetTorchvision",
    "Model",
    "Network",
    "ResNet18",
    "ShuffleNet",
    "SqueezeNet",
    "architecture",
    "ceil_max_pool",
    "forward",
    "local_response_normalization",
    "network",
    "variables_of",
]
