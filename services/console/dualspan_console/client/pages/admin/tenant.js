// One enterprise: its people and its identity providers, for who runs the platform.
import { get } from "../../core/api.js";
import { useLoad } from "../../core/load.js";
import { html } from "../../core/view.js";
import { day, t } from "../../core/words.js";
import { PageHead } from "../../parts/layout.js";
import { Loaded } from "../../parts/states.js";
import { People } from "./people.js";
import { Providers } from "./providers.js";

export default function Tenant({ tenant }) {
  const name = `tenants/${tenant}`;
  const loaded = useLoad((signal) => get(name, {}, signal), [name]);
  return html`<${Loaded} of=${loaded}
    >${({ displayName, createTime }) =>
      html`<${PageHead}
          title=${displayName}
          says=${t("admin.tenant_says", { id: tenant, day: day(createTime) })}
          crumbs=${[[t("admin.tenants"), "/admin/tenants"], [displayName]]}
        />
        <div class="stack"><${People} tenant=${name} /><${Providers} tenant=${name} /></div>`}<//
  >`;
}
