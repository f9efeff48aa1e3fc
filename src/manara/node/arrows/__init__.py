"""One adapter per arrow of the flow: what one stage says, turned into what the next one takes."""
