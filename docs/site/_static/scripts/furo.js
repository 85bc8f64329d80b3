/* SPDX-License-Identifier: MIT
 *
 * The button for light, dark, or what the reader's system has. In place of the theme's own script,
 * which Debian ships in a form that no browser runs.
 */
(function () {
    const next = { auto: "light", light: "dark", dark: "auto" };
    document.documentElement.classList.replace("no-js", "js");
    for (const button of document.getElementsByClassName("theme-toggle"))
        button.addEventListener("click", function () {
            const theme = next[document.body.dataset.theme] || "auto";
            document.body.dataset.theme = theme;
            localStorage.setItem("theme", theme);
        });
})();
