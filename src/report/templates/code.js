"use strict";
{
  const button = document.getElementById("show-code");
  button.hidden = false;
  document.querySelector(".here").scrollIntoView({ inline: "center", block: "nearest" });
  button.addEventListener("click", () => {
    const isShown = document.documentElement.classList.toggle("with-code");
    button.setAttribute("aria-pressed", String(isShown));
    button.textContent = isShown ? "Hide code" : "Show code";
  });
  for (const figure of document.querySelectorAll("figure.output")) {
    figure.addEventListener("click", () => figure.classList.toggle("large"));
  }
}
