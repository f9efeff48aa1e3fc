"""Plots and reports in, tracks out: gate, associate, filter; one independent state per source view."""
