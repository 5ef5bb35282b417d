"""The other statements of a body: inputs and outputs, stored tensors, what is frozen, what is promised."""
