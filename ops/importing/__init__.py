"""Turns the files of other tools into service.yaml: one module per format, a neutral draft, one writer."""
