# How Sphinx builds the pages; `make docs` says from what. Nothing here needs the network, so the site builds anywhere.
project = "archiv.ollama"
author = "The archiv.ollama authors"
extensions = ["myst_parser", "sphinx.ext.intersphinx", "sphinx_antsibull_ext"]
intersphinx_mapping = {"ansible": ("https://docs.ansible.com/ansible/latest/", "ansible.inv")}
html_theme = "alabaster"
# Links to a heading of another page, as GitHub makes them.
myst_heading_anchors = 3
