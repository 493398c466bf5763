"""The screens: one module each. A new module with `@screen(...)` is all that it takes to add one."""
