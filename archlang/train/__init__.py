"""Trains a net by its recipe. The functions import torch when they are called, so that importing this is cheap."""
