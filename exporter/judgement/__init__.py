"""What a result means, measured by what was declared. Pure: values in, values out."""
