// Everything comes from this server: no fonts, telemetry, proxy or assistants from elsewhere.
Scalar.createApiReference("#reference", {
  url: "/api/openapi.json",
  withDefaultFonts: false,
  telemetry: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  showDeveloperTools: "never",
  hideClientButton: true,
  documentDownloadType: "json",
  defaultOpenAllTags: true,
  operationTitleSource: "summary",
  persistAuth: false,
  // Going to a section by its address focuses it, and a frame around half of the page helps nobody.
  customCss: "section:focus-visible, .section:focus-visible { outline: none; }",
});
