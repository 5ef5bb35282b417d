"""Labels, and the statements that are no steps: inputs, outputs, stored tensors, `freeze`, `expect`."""
